/** Interfaces and tokens shared by the plugins. */
import { Token } from '@lumino/coreutils';
import type { IDisposable } from '@lumino/disposable';
import type { ISignal } from '@lumino/signaling';
import type { Widget } from '@lumino/widgets';

import type { IBaseImage, IBuild, ICardOutput, ICluster, IImages, ImagesAPI, IImageSpec } from './api/api';
import type { IInputProblem } from './api/requestAPI';
import type { ICard } from './cards/cardData';
import type { IHint } from './model/hints';

/** Whether the server extension can be used: not requested yet, yes, not installed, or the last request failed. */
export type Availability = 'unknown' | 'available' | 'missing' | 'failing';

/** The latest known images of a cluster; `problem` says why they could not be refreshed, "" if they could. */
export interface IClusterImages extends IImages {
  readonly loaded: boolean;
  readonly problem: string;
  readonly hint: IHint | null;
}

/** What changed in the model. `builds` includes the clusters and the warning. */
export interface IModelChange {
  readonly name: 'availability' | 'builds' | 'images';
  /** The id of the cluster whose images changed; only with `images`. */
  readonly cluster?: string;
}

/** The requests whose responses the model does not keep. */
export type IRequests = Pick<
  ImagesAPI,
  'checkDraft' | 'checkImage' | 'exportImage' | 'findClusters' | 'listImageBuilds' | 'listSubscriptions' | 'verifyImage'
>;

/** Clusters, images and builds known to the Jupyter server. All views read from it and send requests through it. */
export interface IImagesModel extends IDisposable {
  readonly availability: Availability;
  readonly clusters: ReadonlyArray<ICluster>;
  /** The newest builds first. */
  readonly builds: ReadonlyArray<IBuild>;
  readonly activeBuilds: ReadonlyArray<IBuild>;
  /** The id of the build whose refusal the form for a new image would show, "" if there is none. */
  formBuild: string;
  /** Why the history of builds is not available, "" if it is. */
  readonly warning: string;
  readonly changed: ISignal<IImagesModel, IModelChange>;
  /** Emitted when an active build changes its state, for the last time when it is done. */
  readonly buildChanged: ISignal<IImagesModel, IBuild>;
  /** Request the builds now. Resumes polling after `missing`. */
  refresh(): Promise<void>;
  refreshImages(cluster: string): Promise<void>;
  /** Return the latest known images of a cluster without a request. */
  images(cluster: string): IClusterImages;
  /** The clusters whose images are kept up to date. */
  readonly watchedClusters: ReadonlyArray<string>;
  /** Keep the images of these clusters up to date while a view shows them; [] when it no longer does. */
  watchImages(view: object, clusters: ReadonlyArray<string>): void;
  readonly requests: IRequests;
  /** Keep a cluster in the list, which `requests.findClusters` has found. */
  addCluster(cluster: string): Promise<ICluster>;
  /** Remove a cluster from the list; nothing changes in Azure. */
  removeCluster(cluster: string): Promise<void>;
  /** Start the emulator on the machine of the server, and list its first cluster. */
  useEmulator(): Promise<ICluster>;
  createImage(cluster: string, name: string, spec: IImageSpec): Promise<IBuild>;
  /** Delete an image; with `allowActive` also one that queries use or may use. */
  deleteImage(cluster: string, name: string, allowActive: boolean): Promise<IBuild>;
  /** Make the Python queries of a cluster use an image. */
  enableImage(cluster: string, name: string): Promise<IBuild>;
  /** Disable the Python plugin of a cluster. */
  disablePython(cluster: string): Promise<IBuild>;
  /** Return a listed build without a request: its card has no requirements and no plan. */
  findBuild(id: string): IBuild | undefined;
  /** Request a build with all its texts, also one that is too old to be listed. */
  getBuild(id: string): Promise<IBuild>;
  /** Request the card of a build or a fleet, as the output of a cell has it. */
  getOutput(id: string): Promise<ICardOutput>;
  /** Check a requirements text with the kernel's own rules. */
  checkRequirements(text: string, allowIndexOptions: boolean): Promise<ReadonlyArray<IInputProblem>>;
  /** Return the managed images that can be a base image. */
  baseImages(): Promise<ReadonlyArray<IBaseImage>>;
  /** Return the names of the packages in the managed images. */
  packages(): Promise<ReadonlyArray<string>>;
}

export const IImagesModel = new Token<IImagesModel>(
  'kusto-magic:IImagesModel',
  'The sandbox custom images and builds known to the Jupyter server.'
);

/** The cards of builds and fleets. */
export interface ICards {
  /** Return a widget with the card of a build. */
  create(card: ICard): Widget;
  /** Return whether the user knows the end: sees the card of a build or a fleet, or has a cell that waits for it. */
  isShown(id: string): boolean;
}

export const ICards = new Token<ICards>('kusto-magic:ICards', 'The cards of builds and fleets.');

/** When notifications are shown: at the start and the end of an operation, at its end only, or never. */
export type NotificationLevel = 'all' | 'end' | 'none';

/** The settings of `schema/plugin.json`. */
export interface ISettings {
  readonly pollSeconds: number;
  readonly notifications: NotificationLevel;
  readonly showStatus: boolean;
  readonly showSidebar: boolean;
  readonly highlightCells: boolean;
}

export interface IPreferences {
  readonly values: ISettings;
  readonly changed: ISignal<IPreferences, ISettings>;
}

export const IPreferences = new Token<IPreferences>('kusto-magic:IPreferences', "The user's settings.");

/** The known properties of an image to build; `cluster` is the id issued by the server. */
export interface IImageDraft {
  readonly cluster?: string;
  readonly name?: string;
  readonly base?: string;
  readonly python?: string;
  readonly requirements?: string;
}
