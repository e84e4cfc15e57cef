/** Figures of a fault test, on one line: limits are for busy machines, the figures are what to look at. */
export function report(what: string, figures: Readonly<Record<string, number | string>>): void {
  const text = Object.entries(figures).map(([name, value]) => `${name} ${value}`);
  process.stdout.write(`  ${what}: ${text.join(', ')}\n`);
}
