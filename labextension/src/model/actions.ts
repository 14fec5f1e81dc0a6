/** The sentences about the actions of operations; an action without its own has those of its state. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { components } from '../api/types.gen';

/** What the sentences of an action name; `state`, `duration` and `detail` are texts. */
export interface IActionValues {
  readonly state: string;
  readonly image: string;
  readonly cluster: string;
  readonly duration: string;
  readonly detail: string;
}

/** The sentences of one action. */
export interface IActionTexts {
  started(values: IActionValues, trans: TranslationBundle): string;
  succeeded(values: IActionValues, trans: TranslationBundle): string;
  failed(values: IActionValues, trans: TranslationBundle): string;
  /** What was done, as part of a line; the duration is "" if it is not known. */
  done(values: IActionValues, trans: TranslationBundle): string;
  /** Its steps after it was submitted: while the service works on it, and when that has succeeded. */
  steps(trans: TranslationBundle): readonly [string, string];
}

interface IStepped {
  readonly action: string;
  readonly createsImage: boolean;
}

/** A step of an operation, and its labels unless it is the current one: that has the state as its label. */
export interface IStep {
  readonly phase: components['schemas']['Phase'];
  readonly label: string;
  /** The label when it is done. */
  readonly done: string;
}

const OTHER_TEXTS: IActionTexts = {
  started: ({ state, image, cluster }, trans) => trans.__('%1: image %2 on %3.', state, image, cluster),
  succeeded: ({ state, image, cluster, duration }, trans) =>
    trans.__('%1: image %2 on %3 after %4.', state, image, cluster, duration),
  failed: ({ state, image, cluster, detail }, trans) =>
    trans.__('%1: image %2 on %3: %4', state, image, cluster, detail),
  done: ({ duration }, trans) => (duration ? trans.__('done in %1', duration) : trans.__('done')),
  steps: trans => [trans.__('In progress'), trans.__('Done')]
};

const ACTION_TEXTS: ReadonlyMap<string, IActionTexts> = new Map(
  Object.entries<IActionTexts>({
    build: {
      started: ({ image, cluster }, trans) => trans.__('Building image %1 on %2.', image, cluster),
      succeeded: ({ image, cluster, duration }, trans) =>
        trans.__('Image %1 is ready on %2 after %3.', image, cluster, duration),
      failed: ({ image, cluster, detail }, trans) => trans.__('Building %1 on %2 failed: %3', image, cluster, detail),
      done: ({ duration }, trans) => (duration ? trans.__('built in %1', duration) : trans.__('built')),
      steps: trans => [trans.__('Building'), trans.__('Ready')]
    },
    delete: {
      started: ({ image, cluster }, trans) => trans.__('Deleting image %1 from %2.', image, cluster),
      succeeded: ({ image, cluster }, trans) => trans.__('Image %1 was deleted from %2.', image, cluster),
      failed: ({ image, cluster, detail }, trans) => trans.__('Deleting %1 from %2 failed: %3', image, cluster, detail),
      done: ({ duration }, trans) => (duration ? trans.__('deleted in %1', duration) : trans.__('deleted')),
      steps: trans => [trans.__('Deleting'), trans.__('Deleted')]
    },
    enable: {
      started: ({ image, cluster }, trans) => trans.__('Enabling image %1 on %2.', image, cluster),
      succeeded: ({ image, cluster }, trans) =>
        trans.__('Image %1 is enabled: queries on %2 run on it.', image, cluster),
      failed: ({ image, cluster, detail }, trans) => trans.__('Enabling %1 on %2 failed: %3', image, cluster, detail),
      done: ({ duration }, trans) => (duration ? trans.__('enabled in %1', duration) : trans.__('enabled')),
      steps: trans => [trans.__('Enabling'), trans.__('Enabled')]
    },
    disable: {
      started: ({ cluster }, trans) => trans.__('Disabling the Python plugin on %1.', cluster),
      succeeded: ({ cluster }, trans) => trans.__('The Python plugin is disabled on %1.', cluster),
      failed: ({ cluster, detail }, trans) => trans.__('Disabling the Python plugin on %1 failed: %2', cluster, detail),
      done: ({ duration }, trans) => (duration ? trans.__('disabled in %1', duration) : trans.__('disabled')),
      steps: trans => [trans.__('Disabling'), trans.__('Disabled')]
    }
  })
);

/** Return the sentences of an action. */
export function textsOf(action: string): IActionTexts {
  return ACTION_TEXTS.get(action) ?? OTHER_TEXTS;
}

/** Return the steps of an operation. Only what creates an image is checked. */
export function stepsOf({ action, createsImage }: IStepped, trans: TranslationBundle): ReadonlyArray<IStep> {
  const [work, done] = textsOf(action).steps(trans);
  const check: IStep[] = createsImage ? [{ phase: 'check', label: trans.__('Check'), done: trans.__('Checked') }] : [];
  return [
    ...check,
    { phase: 'submit', label: trans.__('Submit'), done: trans.__('Submitted') },
    { phase: 'work', label: work, done: work },
    { phase: 'done', label: done, done }
  ];
}

/** Return the name of an action in a table. */
export function actionName(action: string, trans: TranslationBundle): string {
  switch (action) {
    case 'build':
      return trans.__('Build');
    case 'delete':
      return trans.__('Delete');
    case 'enable':
      return trans.__('Enable');
    case 'disable':
      return trans.__('Disable');
    default:
      return action;
  }
}
