/**
 * The root of every error that an operation throws at a person.
 *
 * `code` is stable and documented, `hint` says what to do next. Packages derive their own classes and
 * list their codes in one `errors.ts` each.
 */
export class WarrenError extends Error {
  readonly code: string;
  readonly hint: string;

  constructor(code: string, message: string, hint: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'WarrenError';
    this.code = code;
    this.hint = hint;
  }
}
