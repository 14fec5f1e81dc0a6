/** The model of all views. One poll keeps it up to date. */
import { Poll } from '@lumino/polling';
import { type ISignal, Signal } from '@lumino/signaling';

import type { IBaseImage, IBuild, ICardOutput, ICluster, ImagesAPI, IImageSpec } from '../api/api';
import { APIError, errorMessage, type IInputProblem, ServerExtensionMissing } from '../api/requestAPI';
import type { Availability, IClusterImages, IImagesModel, IModelChange, IRequests } from '../tokens';
import { mergeBuilds } from './mergeBuilds';
import type { IPendingBuilds } from './pendingBuilds';
import { RequestOrder } from './requestOrder';

/** Seconds for which the server may hold a request while a build is active. */
export const LONG_POLL_SECONDS = 20;

/** Maximum number of milliseconds between two requests after failures. */
const MAX_INTERVAL = 5 * 60 * 1000;

const NOT_LOADED: IClusterImages = {
  images: [],
  active: { state: 'unknown', image: '', managedPackages: null, reason: '', hint: null },
  identity: '',
  loaded: false,
  problem: '',
  hint: null
};

export interface IImagesModelOptions {
  readonly api: ImagesAPI;
  readonly pendingBuilds: IPendingBuilds;
  /** Whether the page is hidden. The server then holds no request: a browser opens six connections per server. */
  readonly isHidden: () => boolean;
  /** Milliseconds between two requests while no build is active. */
  readonly idleInterval: number;
  /** Milliseconds between two requests while a build is active. */
  readonly activeInterval: number;
}

export class ImagesModel implements IImagesModel {
  constructor(private readonly _options: IImagesModelOptions) {
    this.requests = this._api = _options.api;
    this._idleInterval = _options.idleInterval;
    this._pendingIds = new Set(_options.pendingBuilds.load());
    this._poll = new Poll({
      name: 'kusto-magic:builds',
      auto: false,
      factory: () => this._fetchBuilds(),
      frequency: { interval: this._idleInterval, backoff: true, max: MAX_INTERVAL },
      // A hidden page still announces the end of its builds.
      standby: () => (this.activeBuilds.length ? 'never' : 'when-hidden')
    });
  }

  readonly requests: IRequests;

  formBuild = '';

  get availability(): Availability {
    return this._availability;
  }

  get clusters(): ReadonlyArray<ICluster> {
    return this._clusters;
  }

  get builds(): ReadonlyArray<IBuild> {
    return this._builds;
  }

  get activeBuilds(): ReadonlyArray<IBuild> {
    return this._builds.filter(build => build.active);
  }

  get warning(): string {
    return this._warning;
  }

  get changed(): ISignal<IImagesModel, IModelChange> {
    return this._changed;
  }

  get buildChanged(): ISignal<IImagesModel, IBuild> {
    return this._buildChanged;
  }

  get isDisposed(): boolean {
    return this._poll.isDisposed;
  }

  /** Set the milliseconds between two requests while no build is active. */
  set idleInterval(milliseconds: number) {
    this._idleInterval = milliseconds;
    this._updateInterval();
  }

  async refresh(): Promise<void> {
    if (this.isDisposed) {
      return;
    }
    this._isRefreshing = true;
    this._pendingRequest?.abort();
    // Not `poll.refresh()`: it does nothing while an earlier refresh, aborted just now, is not finished.
    await this._poll.schedule({ interval: Poll.IMMEDIATE, phase: 'refreshed' });
    await this._poll.tick.catch(() => undefined); // `availability` reports a failure
  }

  images(cluster: string): IClusterImages {
    return this._images.get(cluster) ?? NOT_LOADED;
  }

  get watchedClusters(): ReadonlyArray<string> {
    return [...new Set([...this._watched.values()].flat())];
  }

  watchImages(view: object, clusters: ReadonlyArray<string>): void {
    const known = this.watchedClusters;
    const added = clusters.filter(cluster => !known.includes(cluster));
    this._watched.set(view, clusters);
    added.forEach(cluster => void this.refreshImages(cluster));
  }

  async refreshImages(cluster: string): Promise<void> {
    if (this._availability === 'missing') {
      return;
    }
    const order = this._imageRequests.get(cluster) ?? new RequestOrder();
    this._imageRequests.set(cluster, order);
    const isNewer = order.next();
    const images = await this._fetchImages(cluster);
    if (isNewer() && !this.isDisposed) {
      this._images.set(cluster, images);
      this._changed.emit({ name: 'images', cluster });
    }
  }

  async addCluster(cluster: string): Promise<ICluster> {
    return this._withClusters(await this._api.addCluster(cluster));
  }

  async removeCluster(cluster: string): Promise<void> {
    await this._withClusters(await this._api.removeCluster(cluster));
  }

  async useEmulator(): Promise<ICluster> {
    return this._withClusters(await this._api.useEmulator());
  }

  async createImage(cluster: string, name: string, spec: IImageSpec): Promise<IBuild> {
    return this._addBuild(await this._api.createImage(cluster, name, spec));
  }

  async deleteImage(cluster: string, name: string, allowActive: boolean): Promise<IBuild> {
    return this._addBuild(await this._api.deleteImage(cluster, name, allowActive));
  }

  async enableImage(cluster: string, name: string): Promise<IBuild> {
    return this._addBuild(await this._api.enableImage(cluster, name));
  }

  async disablePython(cluster: string): Promise<IBuild> {
    return this._addBuild(await this._api.disablePython(cluster));
  }

  findBuild(id: string): IBuild | undefined {
    return this._builds.find(build => build.card.id === id);
  }

  getBuild(id: string): Promise<IBuild> {
    return this._api.getBuild(id);
  }

  getOutput(id: string): Promise<ICardOutput> {
    return this._api.getOutput(id);
  }

  checkRequirements(text: string, allowIndexOptions: boolean): Promise<ReadonlyArray<IInputProblem>> {
    return this._api.checkRequirements(text, allowIndexOptions);
  }

  async baseImages(): Promise<ReadonlyArray<IBaseImage>> {
    return (this._baseImages ??= await this._api.listBases());
  }

  async packages(): Promise<ReadonlyArray<string>> {
    return (this._packages ??= await this._api.listPackages());
  }

  dispose(): void {
    if (this.isDisposed) {
      return;
    }
    this._pendingRequest?.abort();
    this._poll.dispose();
    Signal.clearData(this);
  }

  /** Show a build that was started here at once. Without this it would appear with the next response only. */
  private _addBuild(build: IBuild): IBuild {
    this._setBuilds([build, ...this._builds.filter(({ card }) => card.id !== build.card.id)]);
    void this.refresh();
    return build;
  }

  /** Return a result after the clusters that it has changed were requested. */
  private async _withClusters<T>(result: T): Promise<T> {
    await this._fetchClusters();
    this._changed.emit({ name: 'builds' });
    return result;
  }

  private async _fetchBuilds(): Promise<void> {
    const wait = this._isRefreshing || !this.activeBuilds.length || this._options.isHidden() ? 0 : LONG_POLL_SECONDS;
    const request = (this._pendingRequest = new AbortController());
    try {
      const changes = await this._api.listBuilds(this._revision, wait, request.signal);
      const builds = mergeBuilds(this._builds, changes);
      if (!request.signal.aborted) {
        await this._updateClusters(builds);
      }
      if (request.signal.aborted) {
        return; // a newer request was sent meanwhile: this response is out of date
      }
      this._isRefreshing = false;
      this._revision = changes.revision;
      this._warning = changes.warning;
      this._setAvailability('available');
      this._setBuilds(builds);
    } catch (error) {
      if (!request.signal.aborted) {
        this._setAvailability(error instanceof ServerExtensionMissing ? 'missing' : 'failing');
      }
      throw error; // the poll waits longer after each failure
    }
    // While a build is active its changes refresh the images, see `_setBuilds`.
    await Promise.all(this.activeBuilds.length ? [] : this.watchedClusters.map(it => this.refreshImages(it)));
  }

  /** Request the clusters if a view shows them or a build is on an unknown one. */
  private async _updateClusters(builds: ReadonlyArray<IBuild>): Promise<void> {
    const ids = new Set(builds.map(({ clusterId }) => clusterId));
    // Not compared with the listed clusters: the user has removed some.
    const isComplete = this._clusters.length > 0 && [...ids].every(id => this._clustersOfBuilds.has(id));
    if (this.watchedClusters.length || !isComplete) {
      await this._fetchClusters();
      this._clustersOfBuilds = ids;
    }
  }

  /** Request the clusters. A poll and an action can do so at once: the response to the latest request is kept. */
  private async _fetchClusters(): Promise<void> {
    const isNewer = this._clusterRequests.next();
    const clusters = await this._api.listClusters();
    if (isNewer()) {
      this._clusters = clusters;
    }
  }

  /** Return the images of a cluster; after a failure the latest known ones with the problem. */
  private async _fetchImages(cluster: string): Promise<IClusterImages> {
    try {
      return { ...(await this._api.listImages(cluster)), loaded: true, problem: '', hint: null };
    } catch (error) {
      const hint = error instanceof APIError ? (error.details.hint ?? null) : null;
      return { ...this.images(cluster), loaded: true, problem: errorMessage(error), hint };
    }
  }

  private _setAvailability(availability: Availability): void {
    if (this.isDisposed) {
      return;
    }
    const hasChanged = availability !== this._availability;
    this._availability = availability;
    if (availability === 'missing') {
      void this._poll.stop(); // only `refresh` sends requests again
    }
    if (hasChanged) {
      this._changed.emit({ name: 'availability' });
    }
  }

  private _setBuilds(builds: ReadonlyArray<IBuild>): void {
    if (this.isDisposed) {
      return;
    }
    const previous = new Map(this._builds.map(build => [build.card.id, build]));
    const changed = builds.filter(build => this._hasChanged(build, previous.get(build.card.id)));
    this._builds = builds;
    this._pendingIds = new Set(this.activeBuilds.map(({ card }) => card.id));
    this._options.pendingBuilds.save([...this._pendingIds]);
    this._updateInterval();
    this._changed.emit({ name: 'builds' });
    changed.forEach(build => this._buildChanged.emit(build));
    const clusters = new Set(changed.map(({ clusterId }) => clusterId));
    this.watchedClusters.filter(it => clusters.has(it)).forEach(it => void this.refreshImages(it));
  }

  private _hasChanged(build: IBuild, previous: IBuild | undefined): boolean {
    if (previous === undefined) {
      return build.active || this._pendingIds.has(build.card.id);
    }
    return build.card.state !== previous.card.state || build.active !== previous.active;
  }

  private _updateInterval(): void {
    const interval = this.activeBuilds.length ? this._options.activeInterval : this._idleInterval;
    this._poll.frequency = { interval, backoff: true, max: MAX_INTERVAL };
  }

  private readonly _api: ImagesAPI;
  private readonly _poll: Poll;
  private readonly _changed = new Signal<IImagesModel, IModelChange>(this);
  private readonly _buildChanged = new Signal<IImagesModel, IBuild>(this);
  private readonly _images = new Map<string, IClusterImages>();
  private _availability: Availability = 'unknown';
  private _baseImages: ReadonlyArray<IBaseImage> | null = null;
  private _builds: ReadonlyArray<IBuild> = [];
  private _clusters: ReadonlyArray<ICluster> = [];
  private readonly _clusterRequests = new RequestOrder();
  /** The clusters of the builds that were known when the clusters were requested. */
  private _clustersOfBuilds: ReadonlySet<string> = new Set();
  private _idleInterval: number;
  /** The requests for the images of each cluster. */
  private readonly _imageRequests = new Map<string, RequestOrder>();
  /** Whether the next request must get its response at once. */
  private _isRefreshing = false;
  private _packages: ReadonlyArray<string> | null = null;
  /** The builds that were active in the last response, or before the page was reloaded. */
  private _pendingIds: ReadonlySet<string>;
  private _pendingRequest: AbortController | null = null;
  private _revision = '';
  private _warning = '';
  /** The clusters whose images each view shows. */
  private readonly _watched = new Map<object, ReadonlyArray<string>>();
}
