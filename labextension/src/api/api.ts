/** What our routes say, as types, and one function per route. `kusto_magic/openapi.json` is the contract. */
import { ICard, readCard } from '../cards/cardData';
import type { IInputProblem, Requester } from './requestAPI';

/** A cluster of which the server knows; `id` is the server's own name for it. */
export interface ICluster {
  readonly id: string;
  readonly name: string;
  readonly resourceGroup: string;
  readonly subscription: string;
  readonly emulator: boolean;
  /** "public", "usgov", "china", or "" for a Resource Manager of one's own. */
  readonly cloud: string;
}

/** An image as Azure shows it; `build` is the id of the newest build known here, or null. */
export interface IImage {
  readonly name: string;
  readonly state: string;
  readonly base: string;
  readonly baseImage: string;
  readonly pythonVersion: string;
  readonly requirements: string;
  readonly build: string | null;
}

export interface IImages {
  readonly images: ReadonlyArray<IImage>;
  /** The image, managed or custom, that the queries of the cluster run on; "" for none, or where that is not known. */
  readonly active: string;
  /** Who is signed in, in words; "" where that is not known. */
  readonly identity: string;
}

/** A build of this user. `active` tells that the server follows it now. */
export interface IBuild {
  readonly card: ICard;
  readonly clusterId: string;
  readonly active: boolean;
}

export interface IBuilds {
  /** Raised by every change; given back as `after`, the answer waits for the next one. */
  readonly revision: number;
  readonly builds: ReadonlyArray<IBuild>;
  readonly warning: string;
}

export interface IBase {
  readonly name: string;
  readonly title: string;
  readonly python: string;
  readonly packages: number;
}

/** What an image shall be: `base` or `python`, not both. */
export interface ISpec {
  readonly base?: string;
  readonly python?: string;
  readonly requirements: string;
}

export class Api {
  constructor(private readonly _request: Requester) {}

  async clusters(): Promise<ReadonlyArray<ICluster>> {
    return ((await this._request('GET', '/clusters')) as { clusters: ICluster[] }).clusters;
  }

  async images(cluster: string): Promise<IImages> {
    return (await this._request('GET', `/clusters/${encodeURIComponent(cluster)}/images`)) as IImages;
  }

  async create(cluster: string, name: string, spec: ISpec): Promise<IBuild> {
    return build(await this._request('PUT', imagePath(cluster, name), spec));
  }

  async remove(cluster: string, name: string): Promise<IBuild> {
    return build(await this._request('DELETE', imagePath(cluster, name)));
  }

  /** Let the queries of a cluster run on an image. */
  async enable(cluster: string, image: string): Promise<IBuild> {
    return build(await this._request('PUT', `/clusters/${encodeURIComponent(cluster)}/active`, { image }));
  }

  /** Return the builds; with `wait` (seconds) only when something is newer than revision `after`, or after that time. */
  async builds(after: number, wait: number, signal?: AbortSignal): Promise<IBuilds> {
    const answer = await this._request('GET', `/builds?after=${after}&wait=${wait}`, undefined, signal);
    const { builds, revision, warning } = answer as { builds: unknown[]; revision: number; warning: string };
    return { revision, warning, builds: builds.map(build) };
  }

  async build(id: string): Promise<IBuild> {
    return build(await this._request('GET', `/builds/${encodeURIComponent(id)}`));
  }

  async check(text: string, allowIndexOptions: boolean): Promise<ReadonlyArray<IInputProblem>> {
    const answer = await this._request('POST', '/requirements', { text, allowIndexOptions });
    return (answer as { problems: IInputProblem[] }).problems;
  }

  async bases(): Promise<ReadonlyArray<IBase>> {
    return ((await this._request('GET', '/bases')) as { bases: IBase[] }).bases;
  }

  async packages(): Promise<ReadonlyArray<string>> {
    return ((await this._request('GET', '/packages')) as { packages: string[] }).packages;
  }
}

function imagePath(cluster: string, name: string): string {
  return `/clusters/${encodeURIComponent(cluster)}/images/${encodeURIComponent(name)}`;
}

function build(answer: unknown): IBuild {
  const { card, clusterId, active } = answer as { card: unknown; clusterId: string; active: boolean };
  const read = readCard(card);
  if (read === null) {
    throw new Error('the server part of kusto_magic is of another version than this page; reload it');
  }
  return { card: read, clusterId, active };
}
