"""How the page of an assessment looks: on a wide screen, on a phone, in the dark, on paper."""

from __future__ import annotations

STYLE = """
:root {
  --paper: #ffffff; --ground: #f4f5f7; --ink: #1b1f27; --soft: #5b6472; --line: #dfe3e9; --link: #1457c2;
  --bad: #b3261e; --bad-ground: #fdecea; --open: #8a5300; --open-ground: #fdf1dc;
  --good: #176c3a; --good-ground: #e4f4ea; --given: #0e6377; --given-ground: #e1f2f6;
  --none: #5b6472; --none-ground: #eceff3;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #171a20; --ground: #0f1115; --ink: #e8eaee; --soft: #a3acba; --line: #2c323c; --link: #8ab4ff;
    --bad: #ff9d94; --bad-ground: #43201e; --open: #f2c06b; --open-ground: #3b2c10;
    --good: #84d6a2; --good-ground: #16351f; --given: #7fd0e3; --given-ground: #10323b;
    --none: #a3acba; --none-ground: #262b34;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--ground); color: var(--ink); overflow-wrap: anywhere;
  font: .9375rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
main { max-width: 72rem; margin: 0 auto; padding: 2.5rem 1.5rem 3rem; }
h1 { margin: 0; font-size: 1.75rem; line-height: 1.2; letter-spacing: -.015em; text-wrap: balance; }
h2 { margin: 0; font-size: 1.25rem; line-height: 1.3; letter-spacing: -.01em; }
h3 { margin: 1.75rem 0 .5rem; font-size: 1rem; }
p { margin: 0; }
a { color: var(--link); text-underline-offset: .15em; }
code {
  font: .86em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; color: var(--soft);
}
ul { margin: 0; padding: 0; list-style: none; }
.bad { --mark: var(--bad); --tint: var(--bad-ground); }
.open { --mark: var(--open); --tint: var(--open-ground); }
.good { --mark: var(--good); --tint: var(--good-ground); }
.given { --mark: var(--given); --tint: var(--given-ground); }
.none { --mark: var(--none); --tint: var(--none-ground); }

.about { max-width: 46rem; margin-top: .75rem; color: var(--soft); }
.facts { margin-top: .5rem; color: var(--soft); font-size: .9rem; }
.totals { display: flex; flex-wrap: wrap; gap: .5rem; margin-top: 1.5rem; }
.totals li { padding: .5rem .9rem; border-radius: .5rem; background: var(--tint); color: var(--mark); }
.totals b { margin-right: .15rem; font-size: 1.25rem; font-variant-numeric: tabular-nums; }
.vaults { margin-top: 1.25rem; border-top: 1px solid var(--line); }
.vaults li {
  display: grid; grid-template-columns: minmax(0, 24rem) minmax(4rem, 10rem) minmax(0, 1fr); gap: .25rem 1rem;
  align-items: center; padding: .5rem 0; border-bottom: 1px solid var(--line);
}
.vaults a { font-weight: 600; }
.vaults code { display: block; }
.count, .score { color: var(--soft); font-size: .9rem; }
.bar { display: flex; gap: 2px; height: .5rem; border-radius: .25rem; overflow: hidden; }
.bar i { background: var(--mark); }
.bar .none { opacity: .35; }
.score { display: grid; grid-template-columns: minmax(4rem, 12rem) minmax(0, 1fr); gap: 1rem; align-items: center; }
.score { margin-top: .75rem; }
.problems { margin-top: 1.5rem; padding: 1rem 1.25rem; border-radius: .5rem; background: var(--bad-ground); }
.problems h2 { color: var(--bad); font-size: 1rem; }
.empty { margin-top: 1.5rem; font-weight: 600; }

.vault {
  margin-top: 2rem; padding: 1.5rem; border: 1px solid var(--line); border-radius: .75rem; background: var(--paper);
}
table { width: 100%; margin-top: 1.25rem; border-collapse: collapse; table-layout: fixed; }
thead th { padding: 0 .75rem .4rem 0; color: var(--soft); font-size: .8rem; font-weight: 500; text-align: left; }
.c-id { width: 4.75rem; }
.c-control { width: 24%; }
.c-status { width: 10rem; }
.section th {
  padding: 1.4rem 0 .4rem; color: var(--ink); font-size: .95rem; font-weight: 650; text-align: left;
  border-bottom: 1px solid var(--line);
}
.row > * { padding: .7rem .75rem .7rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
.row > *:last-child { padding-right: 0; }
.row th { font-weight: 500; text-align: left; }
.id { color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
.pill {
  display: inline-block; padding: .1rem .6rem; border-radius: 1rem; background: var(--tint); color: var(--mark);
  font-size: .85rem; font-weight: 600; white-space: nowrap;
}
.evidence { font-size: .9rem; }
.evidence p { color: var(--soft); }
.evidence p + ul, .evidence ul + p { margin-top: .4rem; }
.evidence li { padding-left: .8rem; border-left: 3px solid var(--mark, var(--line)); }
.evidence li + li { margin-top: .5rem; }
.evidence .more { color: var(--soft); }
.evidence code { display: inline-block; max-width: 100%; }
.evidence .rule { color: var(--mark); font-weight: 600; }
.evidence em { color: var(--open); font-style: normal; font-weight: 600; }
footer { margin-top: 2.5rem; color: var(--soft); font-size: .9rem; }
footer h2 { color: var(--ink); font-size: 1rem; }
dl { margin: .75rem 0 1.25rem; }
dl div { display: grid; grid-template-columns: 12rem minmax(0, 1fr); gap: 0 1rem; padding: .15rem 0; }
dt { color: var(--mark); font-weight: 600; }
dd { margin: 0; }

@media (max-width: 46rem) {
  main { padding: 1.5rem 1rem 2rem; }
  h1 { font-size: 1.4rem; }
  .vault { margin: 1.5rem -1rem 0; padding: 1.25rem 1rem; border-width: 1px 0; border-radius: 0; }
  .vaults li, .score, dl div { grid-template-columns: minmax(0, 1fr); gap: .25rem; }
  thead { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
  table, tbody { display: block; }
  .section, .section th { display: block; }
  .row { display: grid; grid-template-columns: minmax(2.75rem, max-content) minmax(0, 1fr); padding: .9rem 0; }
  .row { column-gap: .75rem; border-bottom: 1px solid var(--line); }
  .row > *, .row > *:last-child { padding: 0; border: 0; }
  .status, .evidence { grid-column: 2; margin-top: .4rem; }
}
@media print {
  :root { --ground: #fff; --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; color-scheme: light; }
  @page { margin: 14mm 12mm; }
  html { font-size: 9.5pt; }
  body { font-size: 1rem; }
  main { max-width: none; padding: 0; }
  .vault { margin-top: 12mm; padding: 0; border: 0; }
  .vault + .vault { break-before: page; margin-top: 0; }
  .row, .section, .evidence li, dl div { break-inside: avoid; }
  .section { break-after: avoid; }
  .pill, .totals li, .bar i, .problems { -webkit-print-color-adjust: exact; print-color-adjust: exact; }
  a { color: inherit; text-decoration: none; }
  .evidence a { display: block; font-size: 0; }
  .evidence a::after { content: attr(href); color: var(--soft); font-size: .8rem; }
  .dot { display: none; }
}
"""
