/** The menus of the rows, which consist of registered commands. */
import type { ReadonlyJSONObject } from '@lumino/coreutils';

import type { ICluster } from '../api/api';
import { CommandIDs } from '../commandIds';
import type { IMenuItem } from '../components/menu';

/** The commands of an image in groups, with the most used ones first. */
const IMAGE_COMMANDS = [
  [CommandIDs.showDetails, CommandIDs.editAsCell, CommandIDs.newImageFrom],
  [CommandIDs.copyName, CommandIDs.exportImage],
  [CommandIDs.enableImage, CommandIDs.verifyImage, CommandIDs.disablePython],
  [CommandIDs.deleteImage]
] as const;

const CLUSTER_COMMANDS = [
  [CommandIDs.newImage, CommandIDs.refresh],
  [CommandIDs.disablePython],
  [CommandIDs.chooseCluster, CommandIDs.removeCluster]
] as const;

export function imageMenu(args: { readonly cluster: string; readonly name: string }): IMenuItem[] {
  return menuOf(IMAGE_COMMANDS, { ...args, isMenu: true });
}

export function clusterMenu({ id }: ICluster): IMenuItem[] {
  return menuOf(CLUSTER_COMMANDS, { cluster: id, isMenu: true });
}

function menuOf(groups: ReadonlyArray<ReadonlyArray<string>>, args: ReadonlyJSONObject): IMenuItem[] {
  return groups.flatMap((group, index): IMenuItem[] => [
    ...(index > 0 ? ['separator' as const] : []),
    ...group.map(command => ({ command, args }))
  ]);
}
