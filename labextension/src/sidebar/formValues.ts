/** The values of the form for a new image, and their validation. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IBaseImage, ICluster, IImageSpec } from '../api/api';
import { DEFAULT_BASE } from '../cells/cellText';
import { withHint } from '../model/hints';
import type { IImageDraft } from '../tokens';
import { errorHint, errorText } from './formErrors';

/** The base of an image that contains a Python version and no packages. */
export const NO_BASE = '';

const DEFAULT_PYTHON = '3.10.8';

/** The form's fields; `python` applies if `base` is NO_BASE. */
export type IFormValues = Required<IImageDraft>;

/** Return the values that a form starts with. */
export function initialValues(draft: IImageDraft, clusters: ReadonlyArray<ICluster>): IFormValues {
  return {
    cluster: clusters[0]?.id ?? '',
    name: '',
    base: draft.python ? NO_BASE : DEFAULT_BASE,
    python: DEFAULT_PYTHON,
    requirements: '',
    ...draft
  };
}

/** Return the specification to send. */
export function toSpec({ base, python, requirements }: IFormValues): IImageSpec {
  return { requirements, ...(base === NO_BASE ? { python } : { base }) };
}

/** Return the draft for a cell. */
export function toDraft(values: IFormValues): IImageDraft {
  const { cluster, name, base, python, requirements } = values;
  return { cluster, name, requirements, ...(base === NO_BASE ? { python } : { base }) };
}

/** Return the custom images to choose from. A chosen image stays in the list when another cluster does not have it. */
export function customBases(
  custom: ReadonlyArray<string>,
  managed: ReadonlyArray<IBaseImage>,
  chosen: string
): ReadonlyArray<string> {
  const isListed = chosen === NO_BASE || custom.includes(chosen) || managed.some(({ name }) => name === chosen);
  return isListed ? custom : [...custom, chosen];
}

/** Return the lines to show for a request that failed: one for each invalid field, otherwise the message. */
export function errorLines(error: unknown, trans: TranslationBundle): ReadonlyArray<string> {
  const { problems } = errorHint(error);
  return problems.length
    ? problems.map(problem => withHint(`${problem.field}: ${problem.message}`, problem.hint, trans))
    : [errorText(error, trans)];
}
