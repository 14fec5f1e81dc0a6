/** Builds, and a model with given builds. */
import { type ISignal, Signal } from '@lumino/signaling';

import type { IBuild } from '../../src/api/api';
import { readCard } from '../../src/cards/cardData';
import type { IImagesModel, IPreferences, ISettings, NotificationLevel } from '../../src/tokens';

export const AS_OF = '2026-11-23T12:01:00+00:00';

const OUTCOMES: Readonly<Record<string, string>> = {
  Succeeded: 'succeeded',
  Deleted: 'succeeded',
  Enabled: 'succeeded',
  Disabled: 'succeeded',
  Failed: 'failed',
  Canceled: 'canceled',
  Rejected: 'rejected',
  'Not submitted': 'notSubmitted',
  Unknown: 'unknown'
};

/** Return JSON with the outcome that belongs to its state. */
export function withOutcome<T extends { state?: string }>(json: T): T & { outcome: string | null } {
  return { ...json, outcome: OUTCOMES[json.state ?? ''] ?? null };
}

/** Return a build whose card has these JSON members; it is active until it has `ended`. */
export function makeBuild(id: string, members: object = {}, clusterId = id): IBuild {
  const json = {
    version: 1,
    id,
    image: 'img',
    cluster: clusterId,
    action: 'build',
    state: 'Building',
    phase: 'work',
    asOf: AS_OF
  };
  const whole = { ...json, startedAt: AS_OF, seconds: 80, ...members };
  const card = readCard({ ...withOutcome(whole), createsImage: whole.action === 'build' });
  if (!card) {
    throw new Error('invalid card');
  }
  return { card, clusterId, active: !card.ended, accepted: true, number: 1 };
}

/** A model whose builds the test sets. */
export class FakeModel {
  builds: IBuild[] = [];
  formBuild = '';
  readonly changes = new Signal<IImagesModel, IBuild>(this.asModel());

  asModel(): IImagesModel {
    return this as unknown as IImagesModel;
  }

  get buildChanged(): ISignal<IImagesModel, IBuild> {
    return this.changes;
  }

  /** Replace the builds with the same id, put the others first, and emit the change of each. */
  update(...builds: IBuild[]): void {
    for (const build of builds) {
      const others = this.builds.filter(({ card }) => card.id !== build.card.id);
      this.builds = others.length < this.builds.length ? this.replace(build) : [build, ...others];
      this.changes.emit(build);
    }
  }

  private replace(build: IBuild): IBuild[] {
    return this.builds.map(known => (known.card.id === build.card.id ? build : known));
  }
}

export class FakePreferences implements IPreferences {
  constructor(notifications: NotificationLevel = 'all') {
    this.values = { pollSeconds: 30, notifications, showStatus: true, showSidebar: true, highlightCells: true };
  }

  values: ISettings;
  readonly changed: Signal<IPreferences, ISettings> = new Signal(this);

  set(values: Partial<ISettings>): void {
    this.values = { ...this.values, ...values };
    this.changed.emit(this.values);
  }
}
