/** A typed client of the REST API. The types are generated from the OpenAPI description: `npm run types`. */
import { type ICard, readCard, readListedCard } from '../cards/cardData';
import type { IHint } from '../model/hints';
import { type IPlan, readHint, readPlan } from '../model/plan';
import { type ITable, readTable } from '../tables/tableData';
import type { IInputProblem, RequestAPI } from './requestAPI';
import type { components, operations } from './types.gen';

type Schemas = components['schemas'];

/** The JSON of a successful response. */
type ResponseOf<Operation extends keyof operations> = operations[Operation] extends {
  responses: { 200: { content: { 'application/json': infer Body } } };
}
  ? Body
  : never;

export type ICluster = Schemas['Cluster'];
export type IImage = Schemas['Image'];
export type IImages = ResponseOf<'listImages'>;
/** The image that queries use, "off", or "unknown" with the reason. */
export type IActiveImage = Schemas['ActiveImage'];
export type IBaseImage = Schemas['BaseImage'];
/** The properties of an image to build: `base` or `python`, not both. */
export type IImageSpec = Schemas['Spec'];
export type ISubscription = Schemas['Subscription'];
/** A cluster of a subscription, which may not be in the list of clusters yet. */
export type IFoundCluster = Schemas['FoundCluster'];
/** The result of a check. */
export type IPlannedPackage = Schemas['PlannedPackage'];
export type IVerifyOptions = operations['verifyImage']['requestBody']['content']['application/json'];

export interface IVerification {
  /** Whether the image holds what it should. */
  readonly verified: boolean;
  readonly table: ITable;
  /** What to do if it does not. */
  readonly hint: IHint | null;
}

export type ExportFormat = Schemas['ExportFormat'];
export type IExport = ResponseOf<'exportImage'>;
/** The parts of an image that is being typed; absent ones are not checked. */
export type IDraftParts = operations['checkDraft']['requestBody']['content']['application/json'];

/** A build with its card read into the form that the views use. */
export interface IBuild extends Omit<Schemas['ListedBuild'], 'card'> {
  readonly card: ICard;
}

/** The `number` of a build that is not from the list: a build that was just started is the newest. */
export const NOT_LISTED = Number.MAX_SAFE_INTEGER;

/** The representations of a card by MIME type. */
export type ICardOutput = ResponseOf<'getOutput'>['data'];

/** What has changed in the list of builds. */
export interface IBuildChanges extends Omit<ResponseOf<'listBuilds'>, 'builds'> {
  readonly builds: ReadonlyArray<IBuild>;
}

/** The methods have the names of the operations in the OpenAPI description. */
export class ImagesAPI {
  constructor(private readonly _request: RequestAPI) {}

  async listClusters(): Promise<ReadonlyArray<ICluster>> {
    return ((await this._request('GET', '/clusters')) as ResponseOf<'listClusters'>).clusters;
  }

  async addCluster(cluster: string): Promise<ICluster> {
    return (await this._request('PUT', clusterPath(cluster))) as ResponseOf<'addCluster'>;
  }

  async removeCluster(cluster: string): Promise<void> {
    await this._request('DELETE', clusterPath(cluster));
  }

  async useEmulator(): Promise<ICluster> {
    return (await this._request('PUT', '/emulator')) as ResponseOf<'useEmulator'>;
  }

  async listSubscriptions(): Promise<ReadonlyArray<ISubscription>> {
    return ((await this._request('GET', '/subscriptions')) as ResponseOf<'listSubscriptions'>).subscriptions;
  }

  async findClusters(subscription: string): Promise<ReadonlyArray<IFoundCluster>> {
    const response = await this._request('GET', `/subscriptions/${encodeURIComponent(subscription)}/clusters`);
    return (response as ResponseOf<'findClusters'>).clusters;
  }

  async listImages(cluster: string): Promise<IImages> {
    return (await this._request('GET', `${clusterPath(cluster)}/images`)) as IImages;
  }

  async createImage(cluster: string, name: string, spec: IImageSpec): Promise<IBuild> {
    return readBuild(await this._request('PUT', imagePath(cluster, name), spec));
  }

  async deleteImage(cluster: string, name: string, allowActive: boolean): Promise<IBuild> {
    return readBuild(
      await this._request('DELETE', `${imagePath(cluster, name)}${allowActive ? '?allowActive=true' : ''}`)
    );
  }

  async enableImage(cluster: string, image: string): Promise<IBuild> {
    return readBuild(await this._request('PUT', `${clusterPath(cluster)}/active`, { image }));
  }

  async disablePython(cluster: string): Promise<IBuild> {
    return readBuild(await this._request('DELETE', `${clusterPath(cluster)}/active`));
  }

  /** Check that requirements install on a base image. Aborting the request ends the check. */
  async checkImage(cluster: string, spec: IImageSpec, signal?: AbortSignal): Promise<IPlan> {
    const response = await this._request('POST', `${clusterPath(cluster)}/check`, spec, signal);
    return known(readPlan((response as ResponseOf<'checkImage'>).plan));
  }

  /** Compare what the image holds, in a query, with what was planned. Aborting the request ends the wait. */
  async verifyImage(
    cluster: string,
    name: string,
    options: IVerifyOptions,
    signal?: AbortSignal
  ): Promise<IVerification> {
    const response = await this._request('POST', `${imagePath(cluster, name)}/verification`, options, signal);
    const { verified, table, hint } = response as ResponseOf<'verifyImage'>;
    return { verified, table: known(readTable(table)), hint: readHint(hint) };
  }

  /** Return an image in the language of another tool. Aborting the request ends the wait. */
  async exportImage(cluster: string, name: string, format: ExportFormat, signal?: AbortSignal): Promise<IExport> {
    const path = `${imagePath(cluster, name)}/export?format=${format}`;
    return (await this._request('GET', path, undefined, signal)) as IExport;
  }

  /** Return the newest operations on an image, newest first. */
  async listImageBuilds(cluster: string, name: string): Promise<ReadonlyArray<IBuild>> {
    const response = await this._request('GET', `${imagePath(cluster, name)}/builds`);
    return (response as ResponseOf<'listImageBuilds'>).builds.map(readListedBuild);
  }

  /** Return what has changed since the revision `after`; if nothing has, wait `wait` seconds for a change. */
  async listBuilds(after: string, wait: number, signal?: AbortSignal): Promise<IBuildChanges> {
    const path = `/builds?after=${encodeURIComponent(after)}&wait=${wait}`;
    const response = (await this._request('GET', path, undefined, signal)) as ResponseOf<'listBuilds'>;
    return { ...response, builds: response.builds.map(readListedBuild) };
  }

  /** Return one build with all its texts. */
  async getBuild(id: string): Promise<IBuild> {
    return readBuild(await this._request('GET', `/builds/${encodeURIComponent(id)}`));
  }

  /** Return the card of a build or a fleet, as the output of a cell has it, by MIME type. */
  async getOutput(id: string): Promise<ICardOutput> {
    return ((await this._request('GET', `/outputs/${encodeURIComponent(id)}`)) as ResponseOf<'getOutput'>).data;
  }

  async checkRequirements(text: string, allowIndexOptions: boolean): Promise<ReadonlyArray<IInputProblem>> {
    const response = await this._request('POST', '/requirements', { text, allowIndexOptions });
    return (response as ResponseOf<'checkRequirements'>).problems;
  }

  /** Check the parts of an image that is being typed with the kernel's own rules. */
  async checkDraft(parts: IDraftParts): Promise<ReadonlyArray<IInputProblem>> {
    return ((await this._request('POST', '/drafts', parts)) as ResponseOf<'checkDraft'>).problems;
  }

  async listBases(): Promise<ReadonlyArray<IBaseImage>> {
    return ((await this._request('GET', '/bases')) as ResponseOf<'listBases'>).bases;
  }

  async listPackages(): Promise<ReadonlyArray<string>> {
    return ((await this._request('GET', '/packages')) as ResponseOf<'listPackages'>).packages;
  }
}

function clusterPath(cluster: string): string {
  return `/clusters/${encodeURIComponent(cluster)}`;
}

function imagePath(cluster: string, name: string): string {
  return `${clusterPath(cluster)}/images/${encodeURIComponent(name)}`;
}

function readBuild(data: unknown): IBuild {
  const build = data as Schemas['Build'];
  return { ...build, card: known(readCard(build.card)), number: NOT_LISTED };
}

function readListedBuild(build: Schemas['ListedBuild']): IBuild {
  return { ...build, card: known(readListedCard(build.card)) };
}

/** Return what was read, which is null only if it has another form than this page knows. */
function known<T>(read: T | null): T {
  if (read === null) {
    // kusto_magic was updated on the server while the page was open.
    throw new Error('The kusto_magic server extension has another version than this page. Reload the page.');
  }
  return read;
}
