/** The sentences about the actions of operations; an action without its own has those of its state. */
import type { TranslationBundle } from '@jupyterlab/translation';

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
}

const OTHER_TEXTS: IActionTexts = {
  started: ({ state, image, cluster }, trans) => trans.__('%1: image %2 on %3.', state, image, cluster),
  succeeded: ({ state, image, cluster, duration }, trans) =>
    trans.__('%1: image %2 on %3 after %4.', state, image, cluster, duration),
  failed: ({ state, image, cluster, detail }, trans) =>
    trans.__('%1: image %2 on %3: %4', state, image, cluster, detail)
};

const ACTION_TEXTS: ReadonlyMap<string, IActionTexts> = new Map(
  Object.entries<IActionTexts>({
    build: {
      started: ({ image, cluster }, trans) => trans.__('Building image %1 on %2.', image, cluster),
      succeeded: ({ image, cluster, duration }, trans) =>
        trans.__('Image %1 is ready on %2 after %3.', image, cluster, duration),
      failed: ({ image, cluster, detail }, trans) => trans.__('Building %1 on %2 failed: %3', image, cluster, detail)
    },
    delete: {
      started: ({ image, cluster }, trans) => trans.__('Deleting image %1 from %2.', image, cluster),
      succeeded: ({ image, cluster }, trans) => trans.__('Image %1 was deleted from %2.', image, cluster),
      failed: ({ image, cluster, detail }, trans) => trans.__('Deleting %1 from %2 failed: %3', image, cluster, detail)
    },
    enable: {
      started: ({ image, cluster }, trans) => trans.__('Enabling image %1 on %2.', image, cluster),
      succeeded: ({ image, cluster }, trans) =>
        trans.__('Image %1 is enabled: queries on %2 run on it.', image, cluster),
      failed: ({ image, cluster, detail }, trans) => trans.__('Enabling %1 on %2 failed: %3', image, cluster, detail)
    },
    disable: {
      started: ({ cluster }, trans) => trans.__('Disabling the Python plugin on %1.', cluster),
      succeeded: ({ cluster }, trans) => trans.__('The Python plugin is disabled on %1.', cluster),
      failed: ({ cluster, detail }, trans) => trans.__('Disabling the Python plugin on %1 failed: %2', cluster, detail)
    }
  })
);

/** Return the sentences of an action. */
export function textsOf(action: string): IActionTexts {
  return ACTION_TEXTS.get(action) ?? OTHER_TEXTS;
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
