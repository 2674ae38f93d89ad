'use strict';
(() => {
  const data = JSON.parse(document.getElementById('chart-data').textContent);
  const element = id => document.getElementById(id);
  const [task, threshold, order, filter, least] =
    ['task', 'threshold', 'order', 'filter', 'least'].map(element);
  const chart = element('chart'), tooltip = element('tooltip');
  const LEFT = 190, RIGHT = 120, GAP = 8, TOP = 22;
  const COLORS = Number(chart.dataset.colors);
  const BAR = data.runs.length > 1 ? 9 : 13;
  const ROW = data.runs.length * BAR + GAP;

  function svg(name, attributes, text) {
    const node = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    if (text !== undefined) node.textContent = text;
    return node;
  }

  function option(select, value, text) {
    select.add(new Option(text, value));
  }

  const percent = value => value === null ? '–' : value.toFixed(2) + ' %';

  // Predicates come sorted by their frequency in training.
  option(order, 'frequency', 'frequency in training');
  option(order, 'name', 'name');
  data.runs.forEach((name, i) => option(order, `recall ${i}`, `recall, ${name}`));
  data.runs.slice(1).forEach((name, i) =>
    option(order, `change ${i + 1}`, `change from ${data.runs[0]} to ${name}`));

  function fillThresholds() {
    const chosen = threshold.value;
    const known = Object.keys(data.recall[task.value]);
    known.sort((a, b) => (a === 'all') - (b === 'all') || a - b);
    threshold.replaceChildren();
    known.forEach(k => option(threshold, k, k));
    threshold.value = known.includes(chosen) ? chosen :
      known.includes('100') ? '100' : known[known.length - 1];
  }

  function sortKey(recall) {
    const [kind, run] = order.value.split(' ');
    if (kind === 'recall') return i => recall[run][i];
    if (kind === 'change') {
      return i => recall[run][i] === null || recall[0][i] === null ? null :
        recall[run][i] - recall[0][i];
    }
    return null;
  }

  function chosenPredicates(recall) {
    const words = filter.value.trim().toLowerCase();
    const chosen = data.predicates.map((_, i) => i).filter(i =>
      data.predicates[i].toLowerCase().includes(words) &&
      data.num_gt[i] >= Number(least.value));
    const key = sortKey(recall);
    if (order.value === 'name') {
      chosen.sort((a, b) => data.predicates[a].localeCompare(data.predicates[b]));
    } else if (key) {  // largest first, unknown last
      const value = i => key(i) === null ? -Infinity : key(i);
      chosen.sort((a, b) => value(a) === value(b) ? 0 : value(b) - value(a));
    }
    return chosen;
  }

  function describe(i, recall) {
    const lines = [data.predicates[i],
      `${data.train_counts[i]} relations in training, ${data.num_gt[i]} in this split`];
    data.runs.forEach((name, run) => {
      const value = recall[run][i], first = recall[0][i];
      const change = run && value !== null && first !== null ?
        ` (${value >= first ? '+' : '−'}${Math.abs(value - first).toFixed(2)})` : '';
      lines.push(`${name}: ${percent(value)}${change}`);
    });
    return lines.join('\n');
  }

  function showTooltip(text, x, y) {
    tooltip.textContent = text;
    tooltip.hidden = false;
    const box = tooltip.getBoundingClientRect();
    tooltip.style.left = Math.max(4, Math.min(x + 14, innerWidth - box.width - 4)) + 'px';
    tooltip.style.top = Math.max(4, Math.min(y + 14, innerHeight - box.height - 4)) + 'px';
  }

  function drawRow(i, y, width, recall) {
    const row = svg('g', { class: 'row', tabindex: 0, 'data-predicate': data.predicates[i] });
    row.append(svg('rect', { class: 'back', x: 0, y: y - GAP / 2, height: ROW,
                             width: LEFT + width + RIGHT }));
    const middle = y + (ROW - GAP) / 2 + 4;
    row.append(svg('text', { x: LEFT - 8, y: middle, 'text-anchor': 'end' },
                   data.predicates[i]));
    data.runs.forEach((_, run) => {
      const value = recall[run][i];
      if (value !== null) {
        row.append(svg('rect', {
          class: `bar run${run % COLORS}`, x: LEFT, y: y + run * BAR,
          height: BAR - 1, width: value / 100 * width, 'data-value': value }));
      }
    });
    const values = data.runs.map((_, run) => recall[run][i]);
    const end = LEFT + Math.max(...values.map(value => value || 0)) / 100 * width;
    row.append(svg('text', { class: 'soft', x: end + 6, y: middle },
      values.every(value => value === null) ? 'not in this split' :
      values.map(value => value.toFixed(1)).join(' / ')));
    const text = describe(i, recall);
    row.setAttribute('aria-label', text);
    row.addEventListener('mousemove', event =>
      showTooltip(text, event.clientX, event.clientY));
    row.addEventListener('mouseleave', () => { tooltip.hidden = true; });
    row.addEventListener('focus', () => {
      const box = row.getBoundingClientRect();
      showTooltip(text, box.left + LEFT, box.bottom);
    });
    row.addEventListener('blur', () => { tooltip.hidden = true; });
    return row;
  }

  function draw() {
    const recall = data.recall[task.value][threshold.value];
    const chosen = chosenPredicates(recall);
    const width = Math.max(320, chart.parentElement.clientWidth - LEFT - RIGHT);
    const height = TOP + chosen.length * ROW;
    chart.setAttribute('width', LEFT + width + RIGHT);
    chart.setAttribute('height', height);
    chart.replaceChildren();
    for (let value = 0; value <= 100; value += 20) {
      const x = LEFT + value / 100 * width;
      chart.append(svg('line', { class: 'grid', x1: x, x2: x, y1: TOP - 6, y2: height }),
                   svg('text', { class: 'soft', x, y: 11, 'text-anchor': 'middle' },
                       value + ' %'));
    }
    chosen.forEach((i, place) =>
      chart.append(drawRow(i, TOP + place * ROW, width, recall)));
    element('shown').textContent =
      `${chosen.length} of ${data.predicates.length} predicates`;
  }

  task.addEventListener('change', () => { fillThresholds(); draw(); });
  for (const control of [threshold, order]) control.addEventListener('change', draw);
  for (const control of [filter, least]) control.addEventListener('input', draw);
  addEventListener('resize', draw);
  fillThresholds();
  draw();
})();
