/** What a cell's error says that its kernel lacks. */

/** The package itself, or that its magics are loaded. */
export type Lack = 'package' | 'magics';

export const INSTALL = '%pip install kusto-magic';
export const LOAD = '%load_ext kusto_magic';

const OURS = /\bkusto_(magic|image)\b/;
const NO_PACKAGE = /^No module named 'kusto_magic'$/;
const NO_MAGIC = /\bmagic (function )?`%%?kusto_image` not found/;

/** Return what a cell lacked, null where its error is about something else. */
export function lackOf(source: string, errorName: string, errorValue: string): Lack | null {
  if (!OURS.test(source)) {
    return null;
  }
  if (errorName === 'ModuleNotFoundError' && NO_PACKAGE.test(errorValue)) {
    return 'package';
  }
  return errorName === 'UsageError' && NO_MAGIC.test(errorValue) ? 'magics' : null;
}
