/**
 * What a change costs by its audience, as an SVG of two panels with logarithmic axes: the server's processor time, and when the
 * last peer has it. Pure.
 */
import { CONTENDERS, type Contender } from './contenders.js';
import type { CurvePoint } from './stages.js';

export type Curves = Readonly<Record<Contender, readonly CurvePoint[]>>;

const WIDTH = 720;
const HEIGHT = 300;
const PANEL = { width: 270, height: 190, top: 46 };
const PANEL_LEFTS = [62, 422];
const COLOURS: Readonly<Record<Contender, string>> = { warren: '#1d4ed8', headscale: '#b45309' };
const NAMES: Readonly<Record<Contender, string>> = {
  warren: 'Warren hub',
  headscale: 'headscale',
};
const INK = '#374151';
const GRID = '#e5e7eb';
const LABEL_GAP = 6;
const LEGEND_STEP = 110;

interface Axis {
  readonly least: number;
  readonly most: number;
  readonly ticks: readonly number[];
}

/** Powers of ten around values, with their thirds as ticks where there are few. */
export function axisOf(values: readonly number[]): Axis {
  const positive = values.filter((value) => value > 0);
  const low = Math.floor(Math.log10(Math.min(...positive, 1e9)));
  const high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(...positive, 1e-9))));
  const decades = Array.from({ length: high - low + 1 }, (_, step) => 10 ** (low + step));
  return { least: 10 ** low, most: 10 ** high, ticks: decades };
}

/** Where a value lies between the ends of an axis, 0 to 1. */
function share({ least, most }: Axis, value: number): number {
  return Math.log10(Math.max(value, least) / least) / Math.log10(most / least);
}

const number = (value: number): string => value.toLocaleString('en-US');
const round = (value: number): string => value.toFixed(1);

function text(x: number, y: number, anchor: string, content: string, fill = INK): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" fill="${fill}">${content}</text>`;
}

function line(x1: number, y1: number, x2: number, y2: number): string {
  return `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" stroke="${GRID}"/>`;
}

function panel(
  left: number,
  title: string,
  curves: Curves,
  of: (point: CurvePoint) => number,
): string[] {
  const points = CONTENDERS.flatMap((who) => curves[who]);
  const across = axisOf(points.map(({ audience }) => audience));
  const up = axisOf(points.map(of));
  const { width, height, top } = PANEL;
  const x = (value: number): number => left + share(across, value) * width;
  const y = (value: number): number => top + height - share(up, value) * height;
  const series = CONTENDERS.filter((who) => curves[who].length > 0).flatMap((who) => {
    const places = curves[who].map((point) => [x(point.audience), y(of(point))] as const);
    const path = places.map(([px, py]) => `${round(px)},${round(py)}`).join(' ');
    const dots = places.map(
      ([px, py]) => `<circle cx="${round(px)}" cy="${round(py)}" r="3.5" fill="${COLOURS[who]}"/>`,
    );
    return [
      `<polyline points="${path}" fill="none" stroke="${COLOURS[who]}" stroke-width="2"/>`,
      ...dots,
    ];
  });
  return [
    text(left, top - 14, 'start', title),
    ...up.ticks.flatMap((tick) => [
      line(left, y(tick), left + width, y(tick)),
      text(left - LABEL_GAP, y(tick) + 4, 'end', number(tick)),
    ]),
    ...across.ticks.flatMap((tick) => [
      line(x(tick), top, x(tick), top + height),
      text(x(tick), top + height + 18, 'middle', number(tick)),
    ]),
    ...series,
    text(left + width / 2, top + height + 36, 'middle', 'peers that may see it'),
  ];
}

export function changeCostPlot(curves: Curves): string {
  const shown = CONTENDERS.filter((who) => curves[who].length > 0);
  const [first = 0, second = 0] = PANEL_LEFTS;
  const legend = shown.flatMap((who, place) => {
    const x = first + place * LEGEND_STEP;
    return [
      `<circle cx="${round(x + 4)}" cy="${HEIGHT - 10}" r="4" fill="${COLOURS[who]}"/>`,
      text(x + 14, HEIGHT - 6, 'start', NAMES[who]),
    ];
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="system-ui, sans-serif" font-size="12">`,
    '<title>What one endpoint change costs, by how many peers may see it</title>',
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>`,
    ...panel(
      first,
      "server's processor, ms a change",
      curves,
      ({ cpuMsPerChange }) => cpuMsPerChange,
    ),
    ...panel(second, 'until the last peer has it, p99, ms', curves, ({ lastP99Ms }) => lastP99Ms),
    ...legend,
    '</svg>',
    '',
  ].join('\n');
}
