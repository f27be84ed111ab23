// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Draws one dashboard in a page: the driver puts the model and the answers of Prometheus into window.preview.
import { FieldType, ThemeContext, applyFieldOverrides, createTheme, dateTime, getDisplayProcessor, getFieldDisplayValues } from '@grafana/data';
import { BarGauge, BigValue, GlobalStyles, PanelChrome, TimeSeries } from '@grafana/ui';
import { createRoot } from 'react-dom/client';

const { dashboard, answers, dark, from, to } = window.preview;
const theme = createTheme({ colors: { mode: dark ? 'dark' : 'light' } });
const cell = { width: 1600 / 24, height: 38 };
const range = { from: dateTime(from), to: dateTime(to), raw: { from: dateTime(from), to: dateTime(to) } };

function label(format, labels) {
  return format.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, name) => labels[name] ?? '');
}

// One frame per series, as Grafana's data source for Prometheus makes them.
function frames(panel) {
  const { unit, noValue, thresholds, custom } = panel.fieldConfig.defaults;
  const config = {
    unit, noValue, thresholds: thresholds ?? { mode: 'absolute', steps: [{ color: 'green', value: -Infinity }] },
    color: { mode: panel.type === 'timeseries' || panel.type === 'state-timeline' ? 'palette-classic' : 'thresholds' },
  };
  config.thresholds = { ...config.thresholds, steps: config.thresholds.steps.map((s) => ({ ...s, value: s.value ?? -Infinity })) };
  const data = panel.targets.flatMap((target, i) =>
    (answers[panel.id]?.[i] ?? []).map(({ metric, values }, j) => ({
      refId: target.refId,
      length: values.length,
      fields: [
        { name: 'Time', type: FieldType.time, config: {}, values: values.map(([at]) => at * 1000) },
        {
          name: 'Value', type: FieldType.number, labels: metric, values: values.map(([, v]) => (Number.isFinite(Number(v)) ? Number(v) : null)),
          config: { ...config, displayName: label(target.legendFormat, metric) },
          state: { seriesIndex: i + j },
        },
      ],
    }))
  );
  const applied = applyFieldOverrides({ data, fieldConfig: { defaults: {}, overrides: [] }, replaceVariables: (v) => v, theme, timeZone: 'utc' });
  let series = 0;
  for (const frame of applied) {
    for (const field of frame.fields) {
      field.state = { ...field.state, seriesIndex: series };
      field.display = getDisplayProcessor({ field, theme, timeZone: 'utc' });
      field.config.custom = { drawStyle: 'line', lineWidth: 1, fillOpacity: 0, showPoints: 'never', lineInterpolation: 'linear', axisPlacement: 'auto', scaleDistribution: { type: 'linear' }, spanNulls: false, hideFrom: {}, ...custom };
    }
    series++;
  }
  return applied;
}

function Values({ panel, data, width, height }) {
  const values = getFieldDisplayValues({
    data, theme, timeZone: 'utc', replaceVariables: (v) => v, fieldConfig: { defaults: {}, overrides: [] },
    reduceOptions: { calcs: ['lastNotNull'], values: false },
  }).map((v) => v.display);
  const each = { width: width / values.length, height };
  if (panel.type === 'bargauge') {
    return values.map((value, i) => (
      <BarGauge key={i} theme={theme} value={value} field={data[0].fields[1].config} width={width} height={height / values.length} orientation="horizontal" display={data[0].fields[1].display} displayMode="gradient" itemSpacing={4} lcdCellWidth={12} />
    ));
  }
  return (
    <div style={{ display: 'flex' }}>
      {values.map((value, i) => <BigValue key={i} theme={theme} value={value} {...each} colorMode="value" graphMode="none" justifyMode="auto" textMode={panel.options.textMode} />)}
    </div>
  );
}

function Panel({ panel }) {
  const { x, y, w, h } = panel.gridPos;
  const width = w * cell.width - 8, height = h * cell.height - 8;
  const data = frames(panel);
  return (
    <div data-panel={panel.title} style={{ position: 'absolute', left: x * cell.width + 4, top: y * cell.height + 56, width, height }}>
      <PanelChrome title={panel.title} description={panel.description} width={width} height={height}>
        {(innerWidth, innerHeight) => {
          if (data.length === 0) {
            return <div style={{ display: 'grid', placeItems: 'center', textAlign: 'center', height: innerHeight, color: theme.colors.text.secondary }}>{panel.fieldConfig.defaults.noValue}</div>;
          }
          if (panel.type === 'timeseries' || panel.type === 'state-timeline') {
            return <TimeSeries frames={data} width={innerWidth} height={innerHeight} timeRange={range} timeZone="utc" legend={{ showLegend: true, displayMode: 'list', placement: 'bottom', calcs: [] }} options={{}} />;
          }
          return <Values panel={panel} data={data} width={innerWidth} height={innerHeight} />;
        }}
      </PanelChrome>
    </div>
  );
}

function Dashboard() {
  const bottom = Math.max(...dashboard.panels.map(({ gridPos }) => gridPos.y + gridPos.h));
  return (
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <div style={{ position: 'relative', width: 1600, height: bottom * cell.height + 64, background: theme.colors.background.canvas }}>
        <h1 style={{ padding: 12, fontSize: 22, color: theme.colors.text.primary }}>{dashboard.title}</h1>
        {dashboard.panels.map((panel) => <Panel key={panel.id} panel={panel} />)}
      </div>
    </ThemeContext.Provider>
  );
}

createRoot(document.getElementById('root')).render(<Dashboard />);
