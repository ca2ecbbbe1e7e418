fromvars = "QXZJWYQJXWZYQWXJ"
fromvars_plain = "QXZJWYQJXWZYQWXJ"
viatfvars = "QXZJWYQJXWZYQWXJ"
undeclared_password = "QXZJWYQJXWZYQWXJ"
