using './main.bicep'
param given = 'QXZJWYQJXWZYQWXJ'
param plainpw = 'QXZJWYQJXWZYQWXJ'
param unknownSecret = 'QXZJWYQJXWZYQWXJ'
