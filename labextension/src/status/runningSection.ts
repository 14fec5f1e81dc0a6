/** The section in the *Running Terminals and Kernels* panel. */
import type { IRunningSessions } from '@jupyterlab/running';
import type { TranslationBundle } from '@jupyterlab/translation';

import { formatDuration } from '../cards/cardData';
import { imageIcon } from '../icons';
import type { IImagesModel } from '../tokens';
import { activeGroups, groupLabel } from './labels';

export function runningSection(
  model: IImagesModel,
  trans: TranslationBundle,
  showDetails: (id: string) => void
): IRunningSessions.IManager {
  return {
    name: trans.__('Kusto image builds'),
    running: () =>
      activeGroups(model).map(group => {
        const { card } = group.builds[0];
        return {
          className: 'jp-KustoImage-running',
          icon: () => imageIcon,
          label: () => groupLabel(group, trans),
          labelTitle: () => trans.__('Show details of image %1', card.image),
          detail: () => formatDuration(card.seconds),
          open: () => showDetails(card.id)
        };
      }),
    runningChanged: model.changed,
    refreshRunning: () => void model.refresh(),
    // The service cannot cancel a build; style/sidebar.css hides the button.
    shutdownAll: () => undefined,
    shutdownAllLabel: ''
  };
}
