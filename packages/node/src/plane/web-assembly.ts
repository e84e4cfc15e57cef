/**
 * The few parts of WebAssembly that the data plane uses, typed: neither the language library we compile
 * against (es2023, without a browser) nor Node's types declare them.
 */

export interface WasmMemory {
  /** Never detached: none of our memories grows. */
  readonly buffer: ArrayBuffer;
}

/** A compiled module; opaque. */
export interface WasmModule {
  readonly [Symbol.toStringTag]: string;
}

export interface WasmInstance {
  readonly exports: Readonly<Record<string, unknown>>;
}

export interface WebAssemblyApi {
  readonly Memory: new (size: { readonly initial: number; readonly maximum: number }) => WasmMemory;
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Instance: new (
    module: WasmModule,
    imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>,
  ) => WasmInstance;
  /** False: this engine can't run the module, for example for want of SIMD. */
  validate(bytes: Uint8Array): boolean;
}

/** The engine's WebAssembly; every Node has it. */
export const webAssembly = (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi })
  .WebAssembly;
