/** Carries out the probes that a network check wants over HTTP, and hands their results back. */
import type { HttpProbeOutput } from '@warren/core/netcheck/http-probes';
import type { NetcheckInput } from '@warren/core/netcheck/netcheck';
import type { RelayMap } from '@warren/core/netmap/types';
import { probeCaptive } from './captive-probe.js';
import { measureHttps } from './https-latency.js';

export type ProbeResult = Extract<
  NetcheckInput,
  { readonly type: 'https-result' | 'captive-result' }
>;

export class HttpProber {
  readonly #onResult: (result: ProbeResult) => void;
  /** As many as one check has probes. */
  readonly #running = new Map<number, AbortController>();

  constructor(onResult: (result: ProbeResult) => void) {
    this.#onResult = onResult;
  }

  handle(output: HttpProbeOutput, relayMap: RelayMap): void {
    switch (output.type) {
      case 'https-probe': {
        const { probe } = output;
        const region = relayMap.regions.get(output.regionId);
        this.#run(probe, async (signal) => {
          const result = region === undefined ? undefined : await measureHttps(region, signal);
          return { type: 'https-result', probe, result };
        });
        break;
      }
      case 'captive-probe': {
        const { probe } = output;
        this.#run(probe, async (signal) => {
          return { type: 'captive-result', probe, result: await probeCaptive(output, signal) };
        });
        break;
      }
      case 'cancel-probes':
        for (const probe of output.probes) this.#cancel(probe);
        break;
    }
  }

  /** Gives up whatever runs; nothing is handed back any more. */
  close(): void {
    for (const probe of [...this.#running.keys()]) this.#cancel(probe);
  }

  #run(probe: number, measure: (signal: AbortSignal) => Promise<ProbeResult>): void {
    const controller = new AbortController();
    this.#running.set(probe, controller);
    void measure(controller.signal).then((result) => {
      if (this.#running.delete(probe)) this.#onResult(result);
    });
  }

  #cancel(probe: number): void {
    this.#running.get(probe)?.abort();
    this.#running.delete(probe);
  }
}
