/** What the plugins share. */
import { Token } from '@lumino/coreutils';
import type { ISignal } from '@lumino/signaling';

import type { Api, IBuild, ICluster, IImages, ISpec } from './api/api';
import type { IPreferences } from './model/preferences';

/** Whether the Jupyter server has our part: not asked yet, yes, no, or it cannot be reached. */
export type Availability = 'unknown' | 'here' | 'missing' | 'failing';

/** The images of one cluster as last heard; `problem` is "" or says why they are not newer. */
export interface IShelf extends IImages {
  readonly loaded: boolean;
  readonly problem: string;
  readonly next: string;
}

/** The one place in the page that asks the server; everything shown is drawn from it. */
export interface IImagesModel {
  readonly api: Api;
  readonly availability: Availability;
  readonly clusters: ReadonlyArray<ICluster>;
  readonly builds: ReadonlyArray<IBuild>;
  /** The builds that go on. */
  readonly active: ReadonlyArray<IBuild>;
  readonly warning: string;
  /** Anything above has changed. */
  readonly changed: ISignal<IImagesModel, void>;
  /** A build that went on has moved to another state; its end is the last one. */
  readonly moved: ISignal<IImagesModel, IBuild>;
  /** Ask now; after `missing` nothing is asked any more until this. */
  refresh(): Promise<void>;
  shelf(cluster: string): IShelf;
  /** Keep the images of these clusters fresh; [] while nobody looks. */
  look(clusters: ReadonlyArray<string>): void;
  refreshImages(cluster: string): Promise<void>;
  create(cluster: string, name: string, spec: ISpec): Promise<IBuild>;
  remove(cluster: string, name: string): Promise<IBuild>;
  /** Let the queries of a cluster run on an image. */
  enable(cluster: string, name: string): Promise<IBuild>;
  /** Return the build with this id as last heard, undefined for one that is not known here. */
  find(id: string): IBuild | undefined;
}

export const IImagesModel = new Token<IImagesModel>(
  'kusto-magic:IImagesModel',
  'The sandbox custom images and builds that the Jupyter server knows.'
);

export const IPreferencesToken = new Token<IPreferences>('kusto-magic:IPreferences', 'What the user has set.');
