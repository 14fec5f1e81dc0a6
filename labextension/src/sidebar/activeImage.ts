/** The image that queries use: as text, and the warnings before it is changed. */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { IActiveImage } from '../api/api';
import { withHint } from '../model/hints';
import type { IImagesModel } from '../tokens';
import { imageKey } from './rows';

export function isActiveImage(active: IActiveImage, name: string): boolean {
  return active.state === 'on' && imageKey(active.image) === imageKey(name);
}

/** Return what the queries of a cluster run on. */
export function activeImageText(active: IActiveImage, trans: TranslationBundle): string {
  switch (active.state) {
    case 'on':
      return trans.__('Queries use %1', active.image);
    case 'off':
      return trans.__('python() is disabled: enable an image to use it');
    case 'unknown':
      return withHint(trans.__('Which image queries use is unknown: %1', active.reason), active.hint, trans);
  }
}

/** Return the warning before an image changes that queries use or may use; "" if they are not known to use it. */
export function activeWarning(model: IImagesModel, cluster: string, name: string, trans: TranslationBundle): string {
  const { active, images } = model.images(cluster);
  const key = imageKey(name);
  if (isActiveImage(active, name)) {
    return trans.__('Queries currently use this image.');
  }
  const isEnabling = model.activeBuilds.some(
    ({ clusterId, card }) => clusterId === cluster && card.action === 'enable' && imageKey(card.image) === key
  );
  if (isEnabling) {
    return trans.__('This image is being enabled for queries.');
  }
  const exists = images.some(image => imageKey(image.name) === key);
  return exists && active.state === 'unknown'
    ? trans.__('Queries may use this image; which image they use is unknown: %1.', active.reason)
    : '';
}
