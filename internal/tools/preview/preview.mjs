// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Draws dashboards from a Prometheus: each in dark and light, with the data of a time range and as they are without.
import { readdir, readFile, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';

const { values: flags } = parseArgs({
  options: {
    prometheus: { type: 'string' }, dashboards: { type: 'string' }, out: { type: 'string' }, browser: { type: 'string' },
    from: { type: 'string' }, to: { type: 'string' }, scrape: { type: 'string', default: '5s' }, width: { type: 'string', default: '1600' },
    only: { type: 'string', default: '' },
  },
});
for (const name of ['prometheus', 'dashboards', 'out', 'browser', 'from', 'to']) {
  if (!flags[name]) {
    throw new Error(`--${name} is missing`);
  }
}
const here = fileURLToPath(new URL('.', import.meta.url));
const packages = join(here, 'node_modules');
const fonts = { 'Inter-Regular': 'inter-latin-400-normal', 'Inter-Medium': 'inter-latin-500-normal' };
const [width, from, to] = [flags.width, flags.from, flags.to].map(Number);
const yesterday = 24 * 3600 * 1000; // a time that has no data

const { outputFiles } = await build({
  entryPoints: [join(here, 'page.jsx')], bundle: true, write: false, outdir: 'out', format: 'iife', jsx: 'automatic', minify: true,
  define: { 'process.env.NODE_ENV': '"production"', global: 'window' },
  loader: { '.ttf': 'empty' }, logLevel: 'error',
});
const made = (ending) => outputFiles.find((f) => f.path.endsWith(ending)).text;
const html = '<!doctype html><link rel="stylesheet" href="/page.css"><body style="margin: 0"><div id="root"></div><script src="/page.js"></script>';
const pages = { '/': ['text/html', html], '/page.js': ['text/javascript', made('.js')], '/page.css': ['text/css', made('.css')] };
const origin = 'http://preview.test';

async function serve(route) {
  const { pathname, search } = new URL(route.request().url());
  if (pathname.startsWith('/api/')) {
    const answer = await fetch(flags.prometheus + pathname + search);
    return route.fulfill({ status: answer.status, contentType: 'application/json', body: await answer.text() });
  }
  if (pathname.startsWith('/public/fonts/')) {
    return route.fulfill({ path: join(packages, '@fontsource/inter/files', `${fonts[basename(pathname, '.woff2')]}.woff2`) });
  }
  if (pathname.startsWith('/public/')) {
    return route.fulfill({ path: join(packages, '@grafana/ui/dist', pathname.replace('/build/', '/')) });
  }
  const [contentType, body] = pages[pathname] ?? ['text/plain', ''];
  return route.fulfill({ contentType, body });
}

// Without a sandbox, for it sees nothing but these pages and may be started by root.
const browser = await chromium.launch({ executablePath: flags.browser, args: ['--no-sandbox', '--hide-scrollbars'] });
const problems = new Set();
try {
  await mkdir(flags.out, { recursive: true });
  const files = (await readdir(flags.dashboards)).filter((f) => f.endsWith('.json') && f.includes(flags.only)).sort();
  for (const file of files) {
    const dashboard = JSON.parse(await readFile(join(flags.dashboards, file), 'utf8'));
    for (const mode of ['dark', 'light']) {
      for (const [state, shift] of [['data', 0], ['empty', yesterday]]) {
        const page = await browser.newPage({ viewport: { width, height: 600 }, timezoneId: 'UTC', locale: 'en-US' });
        const picture = `${basename(file, '.json')}-${mode}-${state}.png`;
        page.on('console', (m) => m.type() === 'error' && problems.add(`${picture}: ${m.text()}`));
        page.on('pageerror', (e) => problems.add(`${picture}: ${e.message}`));
        await page.route('**/*', serve);
        await page.goto(origin);
        const said = await page.evaluate((args) => window.draw(args), { dashboard, mode, width, from: from - shift, to: to - shift, scrape: flags.scrape });
        const icons = () => [...document.querySelectorAll('section')].every((panel) => [...panel.querySelectorAll('svg')].some((icon) => !icon.closest('table')));
        await page.waitForFunction(icons, null, { timeout: 10_000 }).catch(() => problems.add(`${picture}: icons are missing`));
        await page.waitForTimeout(300); // for the canvases
        await page.screenshot({ path: join(flags.out, picture), fullPage: true });
        await page.close();
        console.log(picture + (state === 'data' && said.empty.length ? `: no data in ${said.empty.join(', ')}` : ''));
        for (const t of mode === 'dark' && state === 'data' ? said.tables : []) {
          console.log(`  not drawn but as a table of its values: ${t}`);
        }
      }
    }
  }
} finally {
  await browser.close();
}
for (const p of problems) {
  console.error(p);
}
process.exitCode = problems.size ? 1 : 0;
