// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// What runs in the browser: it asks Prometheus as Grafana would and draws a dashboard with Grafana's own components.
// The values that a panel does not set are those that Grafana gives it.
import {
  applyFieldOverrides, createDataFrame, createTheme, dateTime, FieldType, formattedValueToString, getDisplayValueAlignmentFactors, getFieldDisplayValues,
  rangeUtil, Registry, ThemeContext, VizOrientation,
} from '@grafana/data';
import { initPluginTranslations } from '@grafana/i18n';
import { BarGauge, BigValue, GlobalStyles, PanelChrome, PanelContextProvider, TimeSeries, VizRepeater } from '@grafana/ui';
import { flushSync } from 'react-dom';
import { createRoot } from 'react-dom/client';

const grid = { columns: 24, row: 30, gap: 8 };
const standard = { thresholds: { mode: 'absolute', steps: [{ color: 'green', value: null }, { color: 'red', value: 80 }] } };

// kinds are the panel types that can be drawn.
const kinds = {
  timeseries: {
    color: 'palette-classic',
    options: { legend: { showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] } },
    custom: { drawStyle: 'line', lineInterpolation: 'linear', lineWidth: 1, fillOpacity: 0, showPoints: 'auto', pointSize: 5 },
    draw: drawTimeSeries,
  },
  stat: {
    color: 'thresholds',
    options: {
      colorMode: 'value', graphMode: 'area', justifyMode: 'auto', textMode: 'auto', orientation: 'auto', wideLayout: true,
      reduceOptions: { calcs: ['lastNotNull'] },
    },
    draw: drawStat,
  },
  bargauge: {
    color: 'thresholds',
    options: {
      displayMode: 'gradient', valueMode: 'color', namePlacement: 'auto', showUnfilled: true, orientation: 'auto', minVizWidth: 8,
      minVizHeight: 16, maxVizHeight: 300, reduceOptions: { calcs: ['lastNotNull'] },
    },
    draw: drawBars,
  },
};

const other = { color: 'thresholds', options: {}, draw: drawTable };

async function ask(path, params) {
  const answer = await (await fetch(`/api/v1/${path}?${new URLSearchParams(params)}`)).json();
  if (answer.status !== 'success') {
    throw new Error(`Prometheus on ${JSON.stringify(params)}: ${answer.error}`);
  }
  return answer.data;
}

// resolve returns the values of the variables: all there are, for each stands at All. A later one may name an earlier one.
async function resolve(dashboard, { from, to }) {
  const values = {};
  for (const v of dashboard.templating.list) {
    if (v.type !== 'query') {
      continue;
    }
    const [, selector, label] = /^label_values\((.*), (\w+)\)$/.exec(v.definition);
    const found = await ask(`label/${label}/values`, { 'match[]': replace(selector, values), start: from / 1000, end: to / 1000 });
    values[v.name] = { label: v.label ?? v.name, found, expr: v.allValue ?? `(${found.join('|')})` };
  }
  return values;
}

function replace(expr, variables) {
  return expr.replace(/\$\{?(\w+)\}?/g, (all, name) => variables[name]?.expr ?? all);
}

// frames returns what the queries of a panel found, one frame for each series.
async function frames(panel, variables, width, { from, to, scrape }) {
  const range = { from: dateTime(from), to: dateTime(to) };
  const step = rangeUtil.calculateInterval(range, Math.round(width), scrape).intervalMs;
  const window = Math.max(step + rangeUtil.intervalToMs(scrape), 4 * rangeUtil.intervalToMs(scrape));
  const own = {
    __rate_interval: { expr: `${window}ms` }, __interval: { expr: `${step}ms` }, __range: { expr: `${Math.round((to - from) / 1000)}s` },
  };
  const all = [];
  for (const t of panel.targets ?? []) {
    const query = replace(t.expr, { ...variables, ...own });
    const { result } = t.instant
      ? await ask('query', { query, time: to / 1000 })
      : await ask('query_range', { query, step: step / 1000, start: Math.floor(from / step) * step / 1000, end: Math.floor(to / step) * step / 1000 });
    for (const { metric, value, values = [value] } of result) {
      const labels = Object.entries(metric).map(([k, v]) => `${k}="${v}"`).join(', ');
      all.push(createDataFrame({
        refId: t.refId,
        fields: [
          { name: 'Time', type: FieldType.time, config: { interval: step }, values: values.map(([at]) => at * 1000) },
          {
            name: 'Value', type: FieldType.number, labels: metric, values: values.map(([, v]) => number(v, panel.type)),
            config: { interval: step, displayNameFromDS: legend(t.legendFormat, metric) || `{${labels}}` },
          },
        ],
      }));
    }
  }
  return all;
}

// Over time, what is no finite number is a gap.
function number(text, kind) {
  const value = Number(text.replace('Inf', 'Infinity'));
  return kind === 'timeseries' && !Number.isFinite(value) ? null : value;
}

const legend = (format, labels) => format?.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => labels[name] ?? '');

// decorate applies the field options of a panel over those that its kind has.
function decorate(panel, kind, data, theme) {
  const set = panel.fieldConfig.defaults;
  const defaults = { color: { mode: kind.color }, ...structuredClone(standard), ...structuredClone(set), custom: { ...kind.custom, ...set.custom } };
  defaults.thresholds.steps[0].value = -Infinity;
  const items = Object.keys(defaults).filter((k) => k !== 'custom').map((k) => ({ id: k, path: k }));
  for (const id of panel.fieldConfig.overrides.flatMap((o) => o.properties.map((p) => p.id))) {
    if (!items.some((i) => i.id === id)) {
      items.push(id.startsWith('custom.') ? { id, path: id.slice('custom.'.length), isCustom: true } : { id, path: id });
    }
  }
  for (const k of Object.keys(defaults.custom)) {
    items.push({ id: `custom.${k}`, path: k, isCustom: true });
  }
  const registry = new Registry(() => items.map((i) => ({ name: i.id, process: (v) => v, shouldApply: () => true, settings: {}, ...i })));
  const fieldConfig = { defaults, overrides: panel.fieldConfig.overrides };
  const replaceVariables = (v) => v;
  return { fieldConfig, replaceVariables, theme, data: applyFieldOverrides({ data, fieldConfig, replaceVariables, theme, fieldConfigRegistry: registry }) };
}

function drawTimeSeries({ data, range, options, width, height }) {
  return (
    <TimeSeries frames={data} width={width} height={height} timeRange={range} timeZone="utc" legend={options.legend} structureRev={1} />
  );
}

const values = ({ data, options, fieldConfig, replaceVariables, theme }, sparkline) =>
  getFieldDisplayValues({ data, reduceOptions: options.reduceOptions, fieldConfig, replaceVariables, theme, sparkline });

function drawStat(p) {
  const { options, theme, width, height } = p;
  const found = values(p, options.graphMode !== 'none');
  const draw = ({ value, alignmentFactors, width, height, count }) => (
    <BigValue
      value={value.display} count={count} sparkline={value.sparkline} colorMode={options.colorMode} graphMode={options.graphMode}
      justifyMode={options.justifyMode} textMode={options.textMode} alignmentFactors={alignmentFactors} text={options.text}
      width={width} height={height} theme={theme} disableWideLayout={!options.wideLayout}
    />
  );
  return (
    <VizRepeater
      source={p.data} getValues={() => found} getAlignmentFactors={getDisplayValueAlignmentFactors} renderValue={draw} renderCounter={0}
      width={width} height={height} itemSpacing={3} autoGrid orientation={options.orientation}
    />
  );
}

function drawBars(p) {
  const { options, theme, width, height } = p;
  const found = values(p, false);
  const draw = ({ value, alignmentFactors, orientation, width, height, count }) => (
    <BarGauge
      value={value.display} field={value.field} display={value.view?.getFieldDisplayProcessor(value.colIndex)} text={options.text}
      displayMode={options.displayMode} valueDisplayMode={options.valueMode} namePlacement={options.namePlacement}
      showUnfilled={options.showUnfilled} alignmentFactors={count > 1 ? alignmentFactors : undefined} orientation={orientation}
      width={width} height={height} itemSpacing={10} lcdCellWidth={options.displayMode === 'basic' ? 0 : 12} theme={theme}
    />
  );
  return (
    <VizRepeater
      source={p.data} getValues={() => found} getAlignmentFactors={getDisplayValueAlignmentFactors} renderValue={draw} renderCounter={0}
      width={width} height={height} itemSpacing={10} minVizWidth={options.minVizWidth} minVizHeight={options.minVizHeight}
      maxVizHeight={options.maxVizHeight} orientation={options.orientation === 'auto' && width > height ? VizOrientation.Vertical : options.orientation}
    />
  );
}

// drawTable stands for every kind that the public packages cannot draw: the last value of each series.
function drawTable({ data, panel, theme, height }) {
  const line = { borderBottom: `1px solid ${theme.colors.border.weak}`, padding: '3px 8px' };
  return (
    <div style={{ height, overflow: 'hidden' }}>
      <table style={{ width: '100%' }}>
        <thead style={{ color: theme.colors.text.secondary, textAlign: 'left' }}>
          <tr><th style={line}>Series, a {panel.type} in Grafana</th><th style={line}>Last value</th></tr>
        </thead>
        <tbody>
          {data.map(({ fields: [, { values, config, display }] }, i) => (
            <tr key={i}><td style={line}>{config.displayNameFromDS}</td><td style={line}>{formattedValueToString(display(values.at(-1)))}</td></tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Panel({ panel, data, range, theme, place }) {
  const kind = kinds[panel.type] ?? other;
  const decorated = decorate(panel, kind, data, theme);
  const options = { ...kind.options, ...panel.options };
  const draw = (width, height) =>
    data.length === 0 && panel.type !== 'stat' && panel.type !== 'bargauge' ? (
      <div style={{ height, display: 'flex', alignItems: 'center', justifyContent: 'center', textAlign: 'center', color: theme.colors.text.secondary, fontSize: theme.typography.size.lg }}>
        {panel.fieldConfig.defaults.noValue ?? 'No data'}
      </div>
    ) : (
      kind.draw({ ...decorated, panel, range, options, width, height })
    );
  return (
    <div style={{ position: 'absolute', ...place }}>
      <PanelChrome title={panel.title} description={panel.description} width={place.width} height={place.height}>
        {draw}
      </PanelChrome>
    </div>
  );
}

function Dashboard({ dashboard, variables, found, range, theme, places }) {
  const muted = { color: theme.colors.text.secondary };
  const [height] = places.map((p) => p.top + p.height).sort((a, b) => b - a);
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <PanelContextProvider value={{ eventsScope: 'preview', eventBus: silent }}>
        <div style={{ padding: 2 * grid.gap }}>
          <h1 style={{ fontSize: theme.typography.h4.fontSize, marginBottom: grid.gap }}>{dashboard.title}</h1>
          <div style={{ display: 'flex', gap: 3 * grid.gap, marginBottom: 2 * grid.gap }}>
            {Object.entries(variables).map(([name, v]) => (
              <span key={name}><span style={muted}>{v.label}</span> All ({v.found.length})</span>
            ))}
            <span style={{ ...muted, marginLeft: 'auto' }}>{rangeUtil.describeTimeRange({ from: range.from, to: range.to }, 'utc')}</span>
          </div>
          <div style={{ position: 'relative', height }}>
            {dashboard.panels.map((panel, i) => (
              <Panel key={panel.id} panel={panel} data={found[i]} range={range} theme={theme} place={places[i]} />
            ))}
          </div>
        </div>
      </PanelContextProvider>
    </ThemeContext.Provider>
  );
}

const silent = { publish() {}, getStream: () => ({ pipe: () => ({ subscribe() {} }), subscribe() {} }), subscribe() {}, removeAllListeners() {}, newScopedBus: () => silent };

// draw fills the page and says of which panels only the values could be drawn and which have none.
window.draw = async ({ dashboard, mode, width, from, to, scrape }) => {
  await initPluginTranslations('preview');
  const theme = createTheme({ colors: { mode } });
  const variables = await resolve(dashboard, { from, to });
  const column = (width - 4 * grid.gap - (grid.columns - 1) * grid.gap) / grid.columns;
  const places = dashboard.panels.map(({ gridPos: { x, y, w, h } }) => ({
    left: x * (column + grid.gap), top: y * (grid.row + grid.gap), width: w * column + (w - 1) * grid.gap, height: h * grid.row + (h - 1) * grid.gap,
  }));
  const found = await Promise.all(dashboard.panels.map((p, i) => frames(p, variables, places[i].width, { from, to, scrape })));
  const range = { from: dateTime(from), to: dateTime(to) };
  range.raw = { from: range.from, to: range.to };
  const root = createRoot(document.getElementById('root'));
  flushSync(() => root.render(<ThemeContext.Provider value={theme}><GlobalStyles /></ThemeContext.Provider>));
  await Promise.all(['400 12px Inter', '500 14px Inter'].map((f) => document.fonts.load(f))); // canvases measure text once
  root.render(
    <Dashboard dashboard={dashboard} variables={variables} found={found} range={range} theme={theme} places={places} />,
  );
  return {
    tables: dashboard.panels.filter((p) => !kinds[p.type]).map((p) => `${p.title} (${p.type})`),
    empty: dashboard.panels.filter((_, i) => found[i].length === 0).map((p) => p.title),
  };
};
