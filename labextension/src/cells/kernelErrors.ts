/** Recognizes cell errors caused by a kernel without kusto_magic. */

/** What the kernel lacks: the package is not installed, or the extension is not loaded. */
export type MissingPart = 'package' | 'extension';

/**
 * Installs kusto_magic in the kernel. A folder, because no package index has it: the name there may be another's.
 * A test holds all pages and notebooks to this.
 */
export const INSTALL_COMMAND = '%pip install /path/to/checkout';
export const LOAD_COMMAND = '%load_ext kusto_magic';

const OUR_NAMES = /\bkusto_(magic|image)\b/;
const NO_PACKAGE = /^No module named 'kusto_magic'$/;
const NO_MAGIC = /\bmagic (function )?`%%?kusto_image` not found/;

/** Return what the kernel lacks, null if the error of the cell has another cause. */
export function missingPart(source: string, errorName: string, errorValue: string): MissingPart | null {
  // Another package may fail to import ours; the user then knows better than a hint what to do.
  if (!OUR_NAMES.test(source)) {
    return null;
  }
  if (errorName === 'ModuleNotFoundError' && NO_PACKAGE.test(errorValue)) {
    return 'package';
  }
  return errorName === 'UsageError' && NO_MAGIC.test(errorValue) ? 'extension' : null;
}

/** Return what the kernel has after a cell that succeeded, null if it says nothing about it. */
export function loadedPart(source: string): MissingPart | null {
  return source.split('\n').some(line => line.trim() === LOAD_COMMAND) ? 'extension' : null;
}
