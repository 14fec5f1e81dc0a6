/** The texts of active builds in the status bar and in the Running panel. */
import type { TranslationBundle } from '@jupyterlab/translation';

import { buildGroups, doneCount, type IBuildGroup } from '../model/buildGroups';
import type { IImagesModel } from '../tokens';

export function activeGroups(model: IImagesModel): IBuildGroup[] {
  return buildGroups(model.builds).filter(group => group.active);
}

/** Return one line about an active group. */
export function groupLabel(group: IBuildGroup, trans: TranslationBundle): string {
  const { card } = group.builds[0];
  if (group.isFleet) {
    return trans.__('%1 of %2 clusters: %3', doneCount(group), group.builds.length, card.image);
  }
  return `${card.state}: ${card.image} · ${card.cluster}`;
}

/** Return the text of the status bar, "" if no build is active. */
export function statusText(groups: ReadonlyArray<IBuildGroup>, trans: TranslationBundle): string {
  const [first] = groups;
  if (!first) {
    return '';
  }
  if (groups.length > 1) {
    const isBuilding = groups.every(({ builds }) => builds[0].card.action === 'build');
    return isBuilding
      ? trans.__('Building %1 Kusto images', groups.length)
      : trans.__('Changing %1 Kusto images', groups.length);
  }
  const { card } = first.builds[0];
  return first.isFleet ? groupLabel(first, trans) : `${card.state} ${card.image}`;
}
