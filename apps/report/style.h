// The style sheet of reports. Colours are Okabe and Ito's, darkened on white until text in them can
// be read: blue is the test set and what is right, vermillion the training set and what is wrong.
#pragma once

namespace ranvier::apps {

inline constexpr char report_style[] = R"css(
:root {
  color-scheme: light;
  --paper: #ffffff; --ink: #1c2128; --muted: #59626e; --rule: #e2e5e9; --panel: #f5f6f8;
  --blue: #0072b2; --vermillion: #b84a00; --on-colour: #ffffff; --bar: #9aa4b0;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    color-scheme: dark;
    --paper: #14171b; --ink: #e7eaee; --muted: #9aa4b0; --rule: #2b3138; --panel: #1d2126;
    --blue: #56b4e9; --vermillion: #e69f00; --on-colour: #14171b; --bar: #66717d;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0; background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, -apple-system,
  "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums;
  print-color-adjust: exact; -webkit-print-color-adjust: exact;
}
main { max-width: 1080px; margin: 0 auto; padding: 40px 24px 56px; }
h1 { font-size: 30px; line-height: 1.2; font-weight: 650; letter-spacing: -.015em; margin: 0; }
h2 { font-size: 19px; font-weight: 650; letter-spacing: -.005em; margin: 0 0 4px; }
h3 { font-size: 15px; font-weight: 600; margin: 0; }
section { margin-top: 48px; }
p { margin: 0; }
.note { color: var(--muted); max-width: 68ch; margin-bottom: 18px; }
.overline { color: var(--muted); font-size: 13px; letter-spacing: .02em; margin-bottom: 4px; }
.right { color: var(--blue); }
.wrong { color: var(--vermillion); }

.figures { display: flex; flex-wrap: wrap; gap: 16px 48px; margin: 28px 0 0; }
.figures div { display: flex; flex-direction: column-reverse; }
.figures dt { color: var(--muted); font-size: 13px; }
.figures dd { margin: 0; font-size: 27px; line-height: 1.25; font-weight: 600;
  letter-spacing: -.015em; }
.figures small { font-size: 15px; font-weight: 400; letter-spacing: 0; color: var(--muted); }

.facts { display: grid; grid-template-columns: repeat(auto-fill, minmax(220px, 1fr));
  gap: 14px 32px; margin: 14px 0 0; }
.facts dt { color: var(--muted); font-size: 13px; }
.facts dd { margin: 0; overflow-wrap: anywhere; }

table { border-collapse: collapse; width: 100%; }
th { font-weight: 500; color: var(--muted); text-align: left; font-size: 13px; }
th, td { padding: 5px 0 5px 20px; border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { padding-left: 0; }
.number { text-align: right; white-space: nowrap; }
.scroll { overflow-x: auto; }
details { margin-top: 16px; }
summary { color: var(--muted); cursor: pointer; }

.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr));
  gap: 28px 40px; margin-top: 14px; }
figure { margin: 0; min-width: 0; }
svg { display: block; }
svg text { font-size: 12.5px; fill: var(--ink); }
.chart { width: 100%; height: auto; overflow: visible; }
.chart .tick { fill: var(--muted); font-size: 12px; }
.chart .grid { stroke: var(--rule); }
.chart .curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.chart .label { font-weight: 600; }
.chart .band { fill: var(--ink); fill-opacity: 0; }
.chart .band:hover { fill-opacity: .07; }
.chart .ring { fill: none; stroke-width: 1.5; }
.train { stroke: var(--vermillion); fill: var(--vermillion); }
.test { stroke: var(--blue); fill: var(--blue); }
svg text.train { stroke: none; fill: var(--vermillion); }
svg text.test { stroke: none; fill: var(--blue); }

.confusion { display: flex; flex-wrap: wrap; gap: 28px 48px; align-items: flex-start; }
.confusion .scroll { flex: 0 1 auto; max-width: 100%; }
.confusion .mistakes { flex: 1 1 300px; max-width: 520px; }
.matrix .hit { fill: var(--blue); }
.matrix .miss { fill: var(--vermillion); }
.matrix .frame { fill: var(--panel); }
.matrix .class, .matrix .share { fill: var(--muted); font-size: 12.5px; }
.matrix .count { text-anchor: middle; }
.matrix .on { fill: var(--on-colour); }
.matrix .mid { fill: #14171b; }

.layers { max-width: 760px; }
.layers td { vertical-align: middle; }
.layers .bar { width: 100%; height: 14px; background: var(--panel); border-radius: 2px; }
.layers .wide { width: 68%; }
.axis { display: flex; justify-content: space-between; color: var(--muted);
  font-size: 12px; }
.layers tfoot td { border-bottom: 0; padding-top: 2px; }
.bar .rate, .bar .right { fill: var(--blue); }
.bar .wrong { fill: var(--vermillion); }
.bar .other { fill: var(--bar); }

.examples { display: grid; gap: 40px 48px;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 400px), 1fr)); }
.examples header { display: flex; gap: 16px; align-items: center; margin-bottom: 12px; }
.examples header img { width: 84px; height: auto; max-height: 126px; border-radius: 3px; flex: none;
  image-rendering: pixelated; background: var(--panel); }
.neurons { display: grid; gap: 5px 10px; align-items: center; font-size: 12.5px; line-height: 1.25;
  grid-template-columns: 8.5em minmax(0, var(--raster)) minmax(7em, 1fr); }
.neurons .name { text-align: right; overflow: hidden; text-overflow: ellipsis;
  white-space: nowrap; color: var(--muted); }
.neurons .true { color: var(--ink); font-weight: 600; }
.neurons .value { display: flex; gap: 8px; align-items: center; color: var(--muted); }
.neurons .alone { grid-column: 2 / -1; }
.neurons .value .bar { flex: 1; height: 9px; min-width: 0; }
.neurons .value span { flex: none; min-width: 3.6em; }
.neurons .gap { grid-column: 1 / -1; height: 2px; }
.raster { width: 100%; height: 100%; background: var(--panel); border-radius: 2px; color: var(--ink); }
.raster path { fill: none; stroke: currentColor; stroke-width: .8; }

footer { margin-top: 56px; padding-top: 14px; border-top: 1px solid var(--rule);
  color: var(--muted); font-size: 13px; }
@media (max-width: 560px) {
  main { padding: 24px 16px 40px; }
  h1 { font-size: 25px; }
  section { margin-top: 40px; }
  .figures { gap: 14px 32px; }
  .facts { grid-template-columns: repeat(auto-fill, minmax(140px, 1fr)); gap: 12px 20px; }
  .figures dd { font-size: 23px; }
  .chart text, .chart .tick { font-size: 15px; }
  .chart .label { font-size: 13.5px; }
  .layers .wide { width: 42%; }
  th, td { padding-left: 12px; }
  .neurons { grid-template-columns: 6.5em minmax(0, var(--raster)) minmax(6.4em, 1fr); }
}
@page { margin: 15mm; }
@media print {
  body { font-size: 11px; }
  main { max-width: none; padding: 0; }
  section { margin-top: 22px; }
  h1 { font-size: 22px; }
  h2 { font-size: 14px; }
  h3, .figures small { font-size: 12px; }
  .overline, .facts dt, .figures dt, th, .layers .axis { font-size: 10px; }
  .figures { gap: 14px 40px; margin-top: 14px; }
  .figures dd { font-size: 20px; }
  .facts { grid-template-columns: repeat(4, 1fr); gap: 8px 20px; }
  .note { margin-bottom: 10px; }
  h2, .note { break-after: avoid; }
  p, figure, article, .layers, .confusion { break-inside: avoid; }
  details { display: none; }
  .pair, .examples { grid-template-columns: 1fr 1fr; gap: 20px 24px; }
  .confusion { gap: 20px; flex-wrap: nowrap; }
  .confusion .scroll { overflow: visible; flex: 1 1 60%; }
  .confusion .mistakes { flex: 1 1 40%; }
  .matrix { width: 100%; height: auto; max-height: 18cm; }
  .examples header { margin-bottom: 8px; }
  .examples header img { width: 60px; }
  .neurons { gap: 1px 8px; font-size: 9.5px; }
}
)css";

}  // namespace ranvier::apps
