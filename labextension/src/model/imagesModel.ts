/** What the server knows, kept fresh by one poll: quickly while something builds, not at all for a hidden page. */
import { Poll } from '@lumino/polling';
import { ISignal, Signal } from '@lumino/signaling';

import type { Api, IBuild, ICluster, ISpec } from '../api/api';
import { NoServerPart, Problem } from '../api/requestAPI';
import type { Availability, IImagesModel, IShelf } from '../tokens';

/** Seconds for which the server may hold a question while something builds. */
export const WAIT = 20;

const LONGEST_PAUSE = 5 * 60 * 1000;
const EMPTY: IShelf = { images: [], active: '', identity: '', loaded: false, problem: '', next: '' };

/** Keeps the ids of the builds that went on when the page was last open, so that their end is not missed. */
export interface IMemory {
  load(): ReadonlyArray<string>;
  save(ids: ReadonlyArray<string>): void;
}

export interface IOptions {
  readonly api: Api;
  readonly memory: IMemory;
  /** Whether the page is hidden: then the server holds no question for it, since a browser has only six. */
  readonly isHidden: () => boolean;
  /** Milliseconds between two questions while nothing builds, and while something does. */
  readonly idle: number;
  readonly busy: number;
}

export class ImagesModel implements IImagesModel {
  constructor(private readonly _options: IOptions) {
    this.api = _options.api;
    this._awaited = new Set(_options.memory.load());
    this._poll = new Poll({
      name: 'kusto-magic:builds',
      auto: false,
      factory: () => this._ask(),
      frequency: { interval: _options.idle, backoff: true, max: LONGEST_PAUSE },
      standby: () => (this.active.length ? 'never' : 'when-hidden')
    });
  }

  readonly api: Api;

  get availability(): Availability {
    return this._availability;
  }

  get clusters(): ReadonlyArray<ICluster> {
    return this._clusters;
  }

  get builds(): ReadonlyArray<IBuild> {
    return this._builds;
  }

  get active(): ReadonlyArray<IBuild> {
    return this._builds.filter(build => build.active);
  }

  get warning(): string {
    return this._warning;
  }

  get changed(): ISignal<IImagesModel, void> {
    return this._changed;
  }

  get moved(): ISignal<IImagesModel, IBuild> {
    return this._moved;
  }

  /** Set the pause between two questions while nothing builds, in milliseconds. */
  set idle(milliseconds: number) {
    this._idle = milliseconds;
    this._pace();
  }

  async refresh(): Promise<void> {
    this._revision = 0;
    this._held?.abort();
    // Not poll.refresh(): that does nothing while an earlier one, given up just now, is under way.
    await this._poll.schedule({ interval: Poll.IMMEDIATE, phase: 'refreshed' });
    await this._poll.tick.catch(() => undefined); // a failure is shown by `availability`
  }

  find(id: string): IBuild | undefined {
    return this._builds.find(build => build.card.id === id);
  }

  shelf(cluster: string): IShelf {
    return this._shelves.get(cluster) ?? EMPTY;
  }

  look(clusters: ReadonlyArray<string>): void {
    const added = clusters.filter(cluster => !this._lookedAt.includes(cluster));
    this._lookedAt = clusters;
    added.forEach(cluster => void this.refreshImages(cluster));
  }

  async refreshImages(cluster: string): Promise<void> {
    if (this._availability === 'missing') {
      return;
    }
    try {
      this._shelves.set(cluster, { ...(await this.api.images(cluster)), loaded: true, problem: '', next: '' });
    } catch (error) {
      const next = error instanceof Problem ? (error.details.next ?? '') : '';
      this._shelves.set(cluster, { ...this.shelf(cluster), loaded: true, problem: words(error), next });
    }
    this._changed.emit();
  }

  async create(cluster: string, name: string, spec: ISpec): Promise<IBuild> {
    return this._began(await this.api.create(cluster, name, spec));
  }

  async remove(cluster: string, name: string): Promise<IBuild> {
    return this._began(await this.api.remove(cluster, name));
  }

  async enable(cluster: string, name: string): Promise<IBuild> {
    return this._began(await this.api.enable(cluster, name));
  }

  dispose(): void {
    this._held?.abort();
    this._poll.dispose();
    Signal.clearData(this);
  }

  private _began(build: IBuild): IBuild {
    this._take([build, ...this._builds.filter(known => known.card.id !== build.card.id)]);
    void this.refresh();
    return build;
  }

  private async _ask(): Promise<void> {
    const wait = this.active.length && !this._options.isHidden() ? WAIT : 0;
    const held = (this._held = new AbortController());
    try {
      const { builds, revision, warning } = await this.api.builds(this._revision, wait, held.signal);
      const clusters = await this._clustersFor(builds);
      if (held.signal.aborted) {
        return; // overtaken by a newer question: this answer is old
      }
      this._revision = revision;
      this._warning = warning;
      this._clusters = clusters;
      this._availability = 'here';
      this._take(builds);
    } catch (error) {
      if (!held.signal.aborted) {
        this._fail(error);
      }
      throw error;
    }
    await Promise.all(this.active.length ? [] : this._lookedAt.map(cluster => this.refreshImages(cluster)));
  }

  private async _clustersFor(builds: ReadonlyArray<IBuild>): Promise<ReadonlyArray<ICluster>> {
    const known = new Set(this._clusters.map(cluster => cluster.id));
    const isEnough = known.size > 0 && !this._lookedAt.length && builds.every(build => known.has(build.clusterId));
    return isEnough ? this._clusters : this.api.clusters();
  }

  private _fail(error: unknown): void {
    const before = this._availability;
    this._availability = error instanceof NoServerPart ? 'missing' : 'failing';
    if (this._availability === 'missing') {
      void this._poll.stop(); // one hint, and no question more
    }
    if (before !== this._availability) {
      this._changed.emit();
    }
  }

  private _take(builds: ReadonlyArray<IBuild>): void {
    const before = new Map(this._builds.map(build => [build.card.id, build]));
    this._builds = builds;
    const moved = builds.filter(build => this._hasMoved(build, before.get(build.card.id)));
    this._awaited = new Set(this.active.map(build => build.card.id));
    this._options.memory.save([...this._awaited]);
    this._pace();
    this._changed.emit();
    moved.forEach(build => this._moved.emit(build));
    new Set(moved.map(build => build.clusterId)).forEach(cluster => {
      if (this._lookedAt.includes(cluster)) {
        void this.refreshImages(cluster);
      }
    });
  }

  private _hasMoved(build: IBuild, before: IBuild | undefined): boolean {
    if (before === undefined) {
      return build.active || this._awaited.has(build.card.id);
    }
    return build.card.state !== before.card.state || build.active !== before.active;
  }

  private _pace(): void {
    const interval = this.active.length ? this._options.busy : (this._idle ?? this._options.idle);
    if (interval !== this._poll.frequency.interval) {
      this._poll.frequency = { interval, backoff: true, max: LONGEST_PAUSE };
    }
  }

  private readonly _poll: Poll;
  private readonly _changed = new Signal<IImagesModel, void>(this);
  private readonly _moved = new Signal<IImagesModel, IBuild>(this);
  private _availability: Availability = 'unknown';
  private _clusters: ReadonlyArray<ICluster> = [];
  private _builds: ReadonlyArray<IBuild> = [];
  private _shelves = new Map<string, IShelf>();
  private _lookedAt: ReadonlyArray<string> = [];
  private _awaited: ReadonlySet<string>;
  private _revision = 0;
  private _warning = '';
  private _idle: number | null = null;
  private _held: AbortController | null = null;
}

/** An error in the words to show. */
export function words(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
