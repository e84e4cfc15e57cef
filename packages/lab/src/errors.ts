/** Everything that goes wrong in the lab for a reason a person can act on. Codes are stable. */
import { WarrenError } from '@warren/core/base/errors';

/** All codes of this package. */
export type LabErrorCode =
  /** Not Linux, or namespaces are switched off or forbidden. */
  | 'LAB_UNSUPPORTED'
  /** A tool, device or library is missing. */
  | 'LAB_REQUIREMENTS'
  /** `--install-deps` could not install. */
  | 'LAB_INSTALL'
  /** The topology contradicts itself. */
  | 'LAB_TOPOLOGY'
  /** The world's process did not start. */
  | 'LAB_WORLD_START'
  /** A command that builds the world failed. */
  | 'LAB_WORLD_BUILD'
  /** The world has ended while something was asked of it. */
  | 'LAB_WORLD_ENDED'
  /** No machine, host, router or region hub of that name. */
  | 'LAB_PLACE_UNKNOWN'
  /** No kept world of that name, or none at all. */
  | 'LAB_WORLD_UNKNOWN'
  /** A kept world of that name runs already. */
  | 'LAB_WORLD_TAKEN'
  /** A script of this package is not built. */
  | 'LAB_NOT_BUILT'
  /** A command inside the world failed, or answered nonsense. */
  | 'LAB_COMMAND_FAILED'
  /** A server or daemon inside the world did not come up in time. */
  | 'LAB_NOT_READY';

export class LabError extends WarrenError {
  declare readonly code: LabErrorCode;

  constructor(
    code: LabErrorCode,
    message: string,
    hint: string,
    options?: { readonly cause?: unknown },
  ) {
    super(code, message, hint, options);
    this.name = 'LabError';
  }
}
