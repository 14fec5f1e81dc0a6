/** The texts of the rows of the tree. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { ICluster } from '../api/api';
import { formatDay } from '../components/time';
import { hintText } from '../model/hints';
import { isSuccess } from '../model/outcomes';
import type { IImagesModel } from '../tokens';
import { activeImageText, isActiveImage } from './activeImage';
import type { IClusterRow, IImageRow, IListedImage, IMessageRow, IRow } from './rows';

/** Return the name of a cluster to show. */
export function clusterTitle(cluster: ICluster, trans: TranslationBundle): string {
  return cluster.emulator ? trans.__('%1 (emulator)', cluster.name) : cluster.name;
}

/** Return the second line of an image: what is being done, how it failed, or what it is made of. */
export function secondLine(row: IImageRow, model: IImagesModel, trans: TranslationBundle): string {
  const { image, build } = row;
  if (build) {
    return [build.card.state, build.card.briefEstimate].filter(part => part).join(' · ');
  }
  if (!isSuccess(image)) {
    const ended = image.build ? model.findBuild(image.build)?.card.asOf : undefined;
    return [image.state, ended ? formatDay(ended) : image.base].filter(part => part).join(' · ');
  }
  const packages = trans._n('%1 package', '%1 packages', image.packages);
  return [baseText(row, trans), packages].filter(part => part).join(' · ');
}

/** Return the base of an image as text, or that it is a managed one. */
export function baseText({ image, isCustom }: IListedImage, trans: TranslationBundle): string {
  return isCustom ? image.base : trans.__('managed image');
}

/** Return what the queries of a cluster run on, "" if that is not shown. */
export function queriesText(
  { cluster, isExpanded }: IClusterRow,
  model: IImagesModel,
  trans: TranslationBundle
): string {
  const { active, loaded, problem } = model.images(cluster.id);
  return isExpanded && loaded && !problem ? activeImageText(active, trans) : '';
}

export function messageText(kind: IMessageRow['kind'], trans: TranslationBundle): string {
  switch (kind) {
    case 'loading':
      return trans.__('Loading images…');
    case 'noMatch':
      return trans.__('No matching images.');
    default:
      return trans.__('No custom images yet.');
  }
}

/** Return what a screen reader says about a row: also what an icon or a place shows. */
export function rowLabel(row: IRow, model: IImagesModel, trans: TranslationBundle): string {
  switch (row.kind) {
    case 'cluster':
      return clusterLabel(row, model, trans);
    case 'image':
      return imageLabel(row, model, trans);
    case 'problem': {
      const { problem, hint } = model.images(row.cluster.id);
      return [problem, hintText(hint, trans), trans.__('Press Enter to retry.')].filter(part => part).join(' ');
    }
    default:
      return messageText(row.kind, trans);
  }
}

function clusterLabel(row: IClusterRow, model: IImagesModel, trans: TranslationBundle): string {
  const count = row.count === null ? '' : trans._n('%1 image', '%1 images', row.count);
  return [clusterTitle(row.cluster, trans), count, queriesText(row, model, trans)].filter(part => part).join(', ');
}

function imageLabel(row: IImageRow, model: IImagesModel, trans: TranslationBundle): string {
  const { image, build, cluster } = row;
  const active = isActiveImage(model.images(cluster.id).active, image.name) ? trans.__('active') : '';
  // The second line of others starts with the state.
  const state = !build && isSuccess(image) ? image.state : '';
  return [image.name, active, state, secondLine(row, model, trans)].filter(part => part).join(', ');
}

/** Return a duration in its largest unit: "48 s", "5 min", "1 h 3 min". */
export function roughDuration(seconds: number): string {
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) {
    return `${Math.floor(seconds)} s`;
  }
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
