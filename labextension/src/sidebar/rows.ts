/** The rows of the tree of clusters and images, in the order in which they are shown. */
import type { IBuild, ICluster, IImage } from '../api/api';
import type { IImagesModel } from '../tokens';

/** An image of a cluster, one that is being built and that Azure does not list yet, or a managed one. */
export interface IListedImage {
  readonly image: IImage;
  /** False for the managed image that queries use, which is not a resource of the cluster. */
  readonly isCustom: boolean;
  /** The operation that is changing the image, null if there is none. */
  readonly build: IBuild | null;
}

interface IRowBase {
  /** Unique among the rows, and the same after each refresh. */
  readonly key: string;
  readonly cluster: ICluster;
  /** Position among the rows of the same parent, from 1, and their number. */
  readonly position: number;
  readonly size: number;
}

export interface IClusterRow extends IRowBase {
  readonly kind: 'cluster';
  readonly isExpanded: boolean;
  /** Number of images, null if it is not known. */
  readonly count: number | null;
}

export interface IImageRow extends IRowBase, IListedImage {
  readonly kind: 'image';
}

/** What is shown instead of images, or besides them. */
export interface IMessageRow extends IRowBase {
  readonly kind: 'loading' | 'empty' | 'noMatch' | 'problem';
}

export type IRow = IClusterRow | IImageRow | IMessageRow;

export interface IRowOptions {
  readonly model: IImagesModel;
  readonly isExpanded: (cluster: string) => boolean;
  /** Part of the names to show, "" for all. */
  readonly filter: string;
}

export function listRows(options: IRowOptions): IRow[] {
  const { clusters } = options.model;
  return clusters.flatMap((cluster, index) => {
    const isExpanded = options.isExpanded(cluster.id);
    const { images, loaded } = options.model.images(cluster.id);
    const place = { cluster, position: index + 1, size: clusters.length };
    const count = loaded ? images.length : null;
    const row: IClusterRow = { kind: 'cluster', key: cluster.id, ...place, isExpanded, count };
    return isExpanded ? [row, ...childRows(options, cluster)] : [row];
  });
}

/** Return the images of a cluster, those that are being built first, and last the managed image that queries use. */
export function listImages(model: IImagesModel, cluster: string): IListedImage[] {
  const { images, active } = model.images(cluster);
  const builds = model.activeBuilds.filter(({ clusterId }) => clusterId === cluster);
  const listed = new Set(images.map(({ name }) => imageKey(name)));
  const unlisted = builds.filter(({ card }) => card.createsImage && !listed.has(imageKey(card.image)));
  const managed = active.managedPackages === null ? [] : [managedImage(active.image, active.managedPackages)];
  const found = (image: IImage, isCustom: boolean): IListedImage => ({
    image,
    isCustom,
    build: builds.find(({ card }) => imageKey(card.image) === imageKey(image.name)) ?? null
  });
  return [
    ...unlisted.map(build => ({ image: futureImage(build), isCustom: true, build })),
    ...images.map(image => found(image, true)),
    ...managed.map(image => found(image, false))
  ];
}

/** Azure compares the names of images without regard to case. */
export function imageKey(name: string): string {
  return name.toLowerCase();
}

function childRows({ model, filter }: IRowOptions, cluster: ICluster): IRow[] {
  const { loaded, problem } = model.images(cluster.id);
  const query = filter.trim().toLowerCase();
  const images = listImages(model, cluster.id);
  const matching = images.filter(({ image }) => image.name.toLowerCase().includes(query));
  const messages: Array<IMessageRow['kind']> = [];
  if (!loaded) {
    messages.push('loading');
  } else if (problem) {
    messages.push('problem');
  } else if (query && !matching.length) {
    messages.push('noMatch');
  } else if (!query && !matching.some(({ isCustom }) => isCustom)) {
    messages.push('empty');
  }
  const size = messages.length + matching.length;
  return [
    ...messages.map((kind, index): IMessageRow => ({
      kind,
      key: `${cluster.id} ${kind}`,
      cluster,
      position: index + 1,
      size
    })),
    ...matching.map((listed, index): IImageRow => {
      const key = `${cluster.id}/${imageKey(listed.image.name)}`;
      return { kind: 'image', key, cluster, position: messages.length + index + 1, size, ...listed };
    })
  ];
}

function futureImage({ card }: IBuild): IImage {
  const { image, state, outcome, base, id } = card;
  // Its requirements are requested from its build when they are needed.
  return {
    name: image,
    state,
    outcome,
    base,
    baseImage: '',
    pythonVersion: '',
    requirements: '',
    packages: 0,
    build: id
  };
}

function managedImage(name: string, packages: number): IImage {
  return {
    name,
    state: '',
    outcome: 'succeeded',
    base: '',
    baseImage: '',
    pythonVersion: '',
    requirements: '',
    packages,
    build: null
  };
}

/** Return the key of the row that a key press moves to from the row `key`, null if it does not move. */
export function nextKey(rows: ReadonlyArray<IRow>, key: string, pressed: string): string | null {
  const index = rows.findIndex(row => row.key === key);
  const target = { ArrowDown: index + 1, ArrowUp: index - 1, Home: 0, End: rows.length - 1 }[pressed];
  return target === undefined ? null : (rows[target]?.key ?? null);
}

/** Return the row that is reached by the Tab key: the last focused one, or the first. */
export function tabRow(rows: ReadonlyArray<IRow>, key: string): IRow | undefined {
  return rows.find(row => row.key === key) ?? rows[0];
}
