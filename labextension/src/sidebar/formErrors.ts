/** Which field of the form an error is about. */
import type { TranslationBundle } from '@jupyterlab/translation';

import { APIError, errorMessage, type IInputProblem } from '../api/requestAPI';
import { type HintKind, type IHint, withHint } from '../model/hints';

/** A field, or the form as a whole. */
export type FormField = 'cluster' | 'name' | 'base' | 'python' | 'requirements' | 'form';

/** The fields by the names that the server has for them. */
const FIELDS: Readonly<Record<string, FormField>> = {
  'image name': 'name',
  base: 'base',
  'base image': 'base',
  'Python version': 'python',
  requirements: 'requirements'
};

const FIELDS_OF_HINTS: Readonly<Partial<Record<HintKind, FormField>>> = {
  'choose-name': 'name',
  'choose-base-image': 'base',
  'choose-cluster': 'cluster',
  'choose-listed-image': 'base',
  'fix-conflict': 'requirements',
  'accept-correction': 'requirements',
  'allow-index-options': 'requirements',
  'allow-no-packages': 'requirements'
};

export function fieldOf(name: string): FormField {
  return FIELDS[name] ?? 'form';
}

export function fieldOfHint(hint: IHint | null): FormField {
  return (hint && FIELDS_OF_HINTS[hint.kind]) ?? 'form';
}

interface IErrorHint {
  readonly problems: ReadonlyArray<IInputProblem>;
  readonly hint: IHint | null;
}

/** Return what the server says about an error besides its text. */
export function errorHint(error: unknown): IErrorHint {
  const { problems = [], hint = null } = error instanceof APIError ? error.details : {};
  return { problems, hint };
}

/** Return the message of an error and what the user can do. */
export function errorText(error: unknown, trans: TranslationBundle): string {
  return withHint(errorMessage(error), errorHint(error).hint, trans);
}
