(() => {
  const filters = document.querySelector('.filters');
  if (!filters) return;
  const all = (selector, node = document) => [...node.querySelectorAll(selector)];
  const results = all('[data-rule]'), groups = all('[data-group]'), rows = all('.vaults li');
  const [category, rule, path] = all('select, [type="search"]', filters);
  const total = results.reduce((sum, one) => sum + Number(one.dataset.count), 0);
  const apply = () => {
    const severities = all(':checked', filters).map(one => one.value).filter(value => value);
    const text = path.value.trim().toLowerCase();
    const has = (one, name, values) => one.dataset[name].split(' ').some(value => values.includes(value));
    let shown = 0;
    for (const one of results) {
      one.hidden = !(has(one, 'severity', severities) && (!category.value || has(one, 'category', [category.value])) &&
        (!rule.value || has(one, 'rule', [rule.value])) && one.dataset.path.toLowerCase().includes(text));
      if (!one.hidden) shown += Number(one.dataset.count);
    }
    for (const one of groups) one.hidden = !one.querySelector('[data-rule]:not([hidden])');
    for (const one of rows) {
      const link = one.querySelector('a'), group = link && document.querySelector(link.getAttribute('href'));
      one.hidden = group ? group.hidden : shown < total;
    }
    filters.querySelector('output').textContent = `${shown} of ${total} results shown`;
  };
  filters.hidden = false;
  filters.addEventListener('input', apply);
  filters.querySelector('button').addEventListener('click', () => {
    for (const one of all('[type="checkbox"]', filters)) one.checked = true;
    category.value = rule.value = path.value = '';
    apply();
  });
  let closed = [];
  addEventListener('beforeprint', () => {
    closed = all('details:not([open])');
    closed.forEach(one => one.open = true);
  });
  addEventListener('afterprint', () => closed.forEach(one => one.open = false));
  apply();
})();
