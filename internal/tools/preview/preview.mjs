// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Usage: node preview.mjs DASHBOARDS PROMETHEUS OUT
//
// Draws every dashboard with what Prometheus has of the last five minutes, dark and light, with data and without, into PNG
// files in OUT. Fails when the browser has anything to complain about. Titles, units, thresholds, colours and legends are
// Grafana's own code; that Grafana imports the dashboards is not shown by this, nor variables and links.
import { build } from 'esbuild';
import fs from 'node:fs';
import path from 'node:path';
import { chromium } from 'playwright-core';

const [dashboards, prometheus, out] = process.argv.slice(2);
const here = import.meta.dirname;
const seconds = 300;
const variables = { $__rate_interval: '20s', $__range: '5m', $job: '.+', $instance: '.+', $query: '.+', $stream: '.+' };

async function ask(expr, from, to) {
  for (const [name, value] of Object.entries(variables)) {
    expr = expr.replaceAll(name, value);
  }
  const body = new URLSearchParams({ query: expr, start: from / 1000, end: to / 1000, step: 5 });
  const answer = await (await fetch(`${prometheus}/api/v1/query_range`, { method: 'POST', body })).json();
  if (answer.status !== 'success') {
    throw new Error(`${expr}: ${answer.error}`);
  }
  return answer.data.result;
}

const fonts = { 'Inter-Regular.woff2': 'inter-latin-400-normal.woff2', 'Inter-Medium.woff2': 'inter-latin-500-normal.woff2' };

// The page has an address, which Grafana's code needs for its settings. Icons are files of its package.
function serve(route, complaints) {
  const { pathname } = new URL(route.request().url());
  if (pathname === '/') {
    return route.fulfill({ contentType: 'text/html', body: '<!doctype html><body style="margin:0"><div id="root"></div></body>' });
  }
  const font = fonts[path.basename(pathname)];
  if (font) {
    return route.fulfill({ path: path.join(here, 'node_modules/@fontsource/inter/files', font) });
  }
  const icon = path.join(here, 'node_modules/@grafana/ui/dist/public', pathname.replace(/^.*\/img\//, 'img/'));
  if (fs.existsSync(icon)) {
    return route.fulfill({ path: icon });
  }
  complaints.push(`nothing at ${pathname}`);
  return route.fulfill({ status: 404 });
}

const bundle = await build({
  entryPoints: [path.join(here, 'panels.jsx')], bundle: true, write: false, jsx: 'automatic', format: 'iife', logLevel: 'error', minify: true,
  define: { 'process.env.NODE_ENV': '"production"', 'process.env': '{}', global: 'window' },
  loader: { '.css': 'empty', '.svg': 'dataurl', '.woff2': 'dataurl', '.woff': 'dataurl', '.ttf': 'dataurl' },
});
const script = bundle.outputFiles[0].text;
fs.mkdirSync(out, { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
const complaints = [];
let drawn = 0;
for (const file of fs.readdirSync(dashboards).filter((name) => name.endsWith('.json')).sort()) {
  const dashboard = JSON.parse(fs.readFileSync(path.join(dashboards, file)));
  const to = Date.now(), from = to - seconds * 1000;
  const answers = {};
  for (const panel of dashboard.panels) {
    answers[panel.id] = await Promise.all(panel.targets.map(({ expr }) => ask(expr, from, to)));
  }
  for (const dark of [true, false]) {
    for (const empty of [false, true]) {
      const page = await browser.newPage({ viewport: { width: 1600, height: 900 } });
      const name = `${dashboard.uid}-${dark ? 'dark' : 'light'}${empty ? '-empty' : ''}`;
      page.on('pageerror', (e) => complaints.push(`${name}: ${e}`));
      page.on('console', (m) => m.type() === 'error' && complaints.push(`${name}: ${m.text()}`));
      await page.route('**/*', (route) => serve(route, complaints));
      await page.goto('http://localhost/');
      await page.addStyleTag({ path: path.join(here, 'node_modules/uplot/dist/uPlot.min.css') });
      await page.evaluate((preview) => { window.preview = preview; }, { dashboard, answers: empty ? {} : answers, dark, from, to });
      await page.addScriptTag({ content: script });
      await page.waitForSelector('[data-panel]', { timeout: 20000 }).catch((e) => complaints.push(`${name}: ${e.message}`));
      await page.waitForTimeout(700); // uPlot draws after React has
      const panels = await page.locator('[data-panel]').count();
      if (panels !== dashboard.panels.length) {
        complaints.push(`${name}: ${panels} of ${dashboard.panels.length} panels are drawn`);
      }
      await page.screenshot({ path: path.join(out, `${name}.png`), fullPage: true });
      await page.close();
      drawn++;
    }
  }
}
await browser.close();
console.log(`${drawn} pictures in ${out}`);
if (complaints.length > 0) {
  console.error(complaints.join('\n'));
  process.exit(1);
}
