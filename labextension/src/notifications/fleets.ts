/** One notification per fleet: none for its single builds. */
import type { TranslationBundle } from '@jupyterlab/translation';

import { announceBeginning, announceEnd, type IOffers } from './toast';
import type { IBuild } from '../api/api';
import { duration, isWell } from '../cards/cardData';
import type { IPreferences } from '../model/preferences';
import { type IThing, things } from '../model/buildGroups';
import type { IImagesModel } from '../tokens';

export class FleetNotifications {
  constructor(
    private readonly _model: IImagesModel,
    private readonly _preferences: IPreferences,
    private readonly _offers: IOffers,
    private readonly _trans: TranslationBundle
  ) {}

  /** Tell of the fleet of a build that has moved, where the fleet as a whole has begun or ended by that. */
  tell(build: IBuild): void {
    const fleet = things(this._model.builds).find(thing => thing.id === build.card.fleet);
    const told = this._told.get(build.card.fleet);
    const count = fleet?.active ? fleet.builds.length : 0; // it grows where one is begun after the other
    if (!fleet || told?.count === count) {
      return;
    }
    const wanted = this._preferences.values.notifications;
    let shown = told?.shown;
    if (fleet.active) {
      shown = wanted === 'all' ? announceBeginning(this._beginning(fleet), shown) : undefined;
    } else if (wanted !== 'none') {
      this._end(fleet, shown);
    }
    this._told.set(fleet.id, { count, shown });
  }

  private _beginning({ builds }: IThing): string {
    const { action, image } = builds[0].card;
    const count = builds.length;
    switch (action) {
      case 'delete':
        return this._trans.__('Image %1 is being deleted from %2 clusters.', image, count);
      case 'enable':
        return this._trans.__('Image %1 is being enabled on %2 clusters.', image, count);
      default:
        return this._trans.__('Image %1 is being built on %2 clusters.', image, count);
    }
  }

  private _end(fleet: IThing, shown: string | undefined): void {
    const ill = fleet.builds.filter(({ card }) => !isWell(card.state));
    const isOpen = ill.every(({ card }) => card.state === 'Unknown');
    const type = !ill.length ? 'success' : isOpen ? 'warning' : 'error';
    const { id } = (ill[0] ?? fleet.builds[0]).card;
    const record = { label: this._trans.__('Open record'), callback: () => this._offers.openRecord(id) };
    const words = ill[0] ? this._partly(fleet, ill.length, ill[0]) : this._well(fleet);
    announceEnd(shown, words, type, [record]);
  }

  private _well({ builds }: IThing): string {
    const { action, image } = builds[0].card;
    const count = builds.length;
    switch (action) {
      case 'delete':
        return this._trans.__('Image %1 is deleted from %2 clusters.', image, count);
      case 'enable':
        return this._trans.__('Image %1 is enabled: the queries of %2 clusters run on it.', image, count);
      default:
        return this._trans.__('Image %1 is ready on %2 clusters, after %3.', image, count, duration(span(builds)));
    }
  }

  private _partly({ builds }: IThing, ill: number, { card }: IBuild): string {
    const [well, all] = [builds.length - ill, builds.length];
    const reason = `${card.cluster}: ${card.error[0] ?? (card.note || card.state)}`;
    return this._trans.__('Image %1: %2 of %3 clusters are well, %4 not. %5', card.image, well, all, ill, reason);
  }

  private readonly _told = new Map<string, { readonly count: number; readonly shown: string | undefined }>();
}

/** Seconds from the first beginning to the last end. */
function span(builds: readonly IBuild[]): number {
  const begun = Math.min(...builds.map(({ card }) => Date.parse(card.startedAt)));
  return (Math.max(...builds.map(({ card }) => Date.parse(card.asOf))) - begun) / 1000;
}
