/** The actions of operations and their sentences; `Action` is generated from the table of actions in Python. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { components } from '../api/types.gen';

export type Action = components['schemas']['Action'];

/** What the sentences of an action name; `duration` and `detail` are texts. */
export interface IActionValues {
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
}

const BUILD_TEXTS: IActionTexts = {
  started: ({ image, cluster }, trans) => trans.__('Building image %1 on %2.', image, cluster),
  succeeded: ({ image, cluster, duration }, trans) =>
    trans.__('Image %1 is ready on %2 after %3.', image, cluster, duration),
  failed: ({ image, cluster, detail }, trans) => trans.__('Building %1 on %2 failed: %3', image, cluster, detail)
};

const ACTION_TEXTS: Readonly<Record<Action, IActionTexts>> = {
  build: BUILD_TEXTS,
  delete: {
    started: ({ image, cluster }, trans) => trans.__('Deleting image %1 from %2.', image, cluster),
    succeeded: ({ image, cluster }, trans) => trans.__('Image %1 was deleted from %2.', image, cluster),
    failed: ({ image, cluster, detail }, trans) => trans.__('Deleting %1 from %2 failed: %3', image, cluster, detail)
  },
  enable: {
    started: ({ image, cluster }, trans) => trans.__('Enabling image %1 on %2.', image, cluster),
    succeeded: ({ image, cluster }, trans) => trans.__('Image %1 is enabled: queries on %2 run on it.', image, cluster),
    failed: ({ image, cluster, detail }, trans) => trans.__('Enabling %1 on %2 failed: %3', image, cluster, detail)
  },
  disable: {
    started: ({ cluster }, trans) => trans.__('Disabling the Python plugin on %1.', cluster),
    succeeded: ({ cluster }, trans) => trans.__('The Python plugin is disabled on %1.', cluster),
    failed: ({ cluster, detail }, trans) => trans.__('Disabling the Python plugin on %1 failed: %2', cluster, detail)
  }
};

/** Return the sentences of an action; those of a build for an action that this version does not know. */
export function textsOf(action: string): IActionTexts {
  return isAction(action) ? ACTION_TEXTS[action] : BUILD_TEXTS;
}

function isAction(action: string): action is Action {
  return Object.hasOwn(ACTION_TEXTS, action);
}
