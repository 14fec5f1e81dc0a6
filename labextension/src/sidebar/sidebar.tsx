/** The panel in the left area: clusters, their images and the form for a new image. */
import { ReactWidget, showErrorMessage, UseSignal } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';
import { useState } from 'react';

import type { ICluster, IImage } from '../api/api';
import { errorMessage } from '../api/requestAPI';
import { imageIcon } from '../icons';
import { hintText } from '../model/hints';
import { glyphOf } from '../model/outcomes';
import type { IImageDraft, IImagesModel } from '../tokens';
import { activeImageText, activeMark, isActiveImage } from './activeImage';
import { deleteImage, enableImage } from './dialogs';
import { clusterTitle, ImageForm } from './imageForm';

/** Actions of the sidebar that other parts of the extension carry out. */
export interface ISidebarActions {
  insertCell(draft: IImageDraft): void;
  showDetails(id: string): void;
  copyToClipboard(text: string): void;
}

interface ISidebarProps {
  readonly model: IImagesModel;
  readonly trans: TranslationBundle;
  readonly actions: ISidebarActions;
}

export class Sidebar extends ReactWidget {
  constructor(private readonly _props: ISidebarProps) {
    super();
    this.id = 'kusto-magic-sidebar';
    this.title.icon = imageIcon;
    this.title.caption = _props.trans.__('Kusto images');
    this.addClass('jp-KustoImage-sidebar');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', _props.trans.__('Kusto images'));
    // With `this` as context, disposing the widget disconnects it.
    _props.model.changed.connect(() => this._updateWatchedClusters(), this);
  }

  /** Show the form with the values of a draft. */
  openForm(draft: IImageDraft): void {
    this._setDraft(draft);
  }

  protected override onAfterShow(): void {
    this._updateWatchedClusters();
    void this._props.model.refresh();
  }

  protected override onAfterHide(): void {
    this._updateWatchedClusters();
  }

  protected override render(): React.JSX.Element {
    return (
      <UseSignal signal={this._props.model.changed}>
        {() => (
          <Content
            {...this._props}
            draft={this._draft}
            isExpanded={cluster => this._isExpanded(cluster)}
            onToggle={cluster => this._toggle(cluster)}
            onDraft={draft => this._setDraft(draft)}
          />
        )}
      </UseSignal>
    );
  }

  private _setDraft(draft: IImageDraft | null): void {
    this._draft = draft;
    this.update();
  }

  /** The first cluster is expanded by default. */
  private _isExpanded(cluster: string): boolean {
    return this._toggled.has(cluster) !== (this._props.model.clusters[0]?.id === cluster);
  }

  private _toggle(cluster: string): void {
    if (!this._toggled.delete(cluster)) {
      this._toggled.add(cluster);
    }
    this._updateWatchedClusters();
    this.update();
  }

  /** Refresh only the images that the user can see: each request asks Azure. */
  private _updateWatchedClusters(): void {
    const ids = this._props.model.clusters.map(({ id }) => id);
    this._props.model.watchImages(this.isVisible ? ids.filter(id => this._isExpanded(id)) : []);
  }

  /** The clusters that are not in their default state. */
  private readonly _toggled = new Set<string>();
  private _draft: IImageDraft | null = null;
}

interface IContentProps extends ISidebarProps {
  readonly draft: IImageDraft | null;
  readonly isExpanded: (cluster: string) => boolean;
  readonly onToggle: (cluster: string) => void;
  readonly onDraft: (draft: IImageDraft | null) => void;
}

function Content(props: IContentProps): React.JSX.Element {
  const { model, trans, draft, actions, onDraft } = props;
  const [filter, setFilter] = useState('');
  return (
    <>
      <header>
        <h2>{trans.__('Kusto images')}</h2>
        <button type="button" className="jp-mod-styled" disabled={!model.clusters.length} onClick={() => onDraft({})}>
          {trans.__('New image')}
        </button>
        <button type="button" className="jp-mod-styled" onClick={() => void refreshAll(props)}>
          {trans.__('Refresh')}
        </button>
      </header>
      <Status {...props} />
      {draft ? (
        <ImageForm
          key={JSON.stringify(draft)} // another draft resets the fields
          model={model}
          trans={trans}
          draft={draft}
          onInsertCell={values => {
            onDraft(null);
            actions.insertCell(values);
          }}
          onClose={() => onDraft(null)}
        />
      ) : null}
      {model.clusters.length ? (
        <input
          type="search"
          className="jp-mod-styled"
          placeholder={trans.__('Filter images')}
          aria-label={trans.__('Filter images')}
          value={filter}
          onChange={event => setFilter(event.target.value)}
        />
      ) : null}
      {model.clusters.map(cluster => (
        <Cluster key={cluster.id} {...props} cluster={cluster} filter={filter} />
      ))}
    </>
  );
}

async function refreshAll({ model, isExpanded }: IContentProps): Promise<void> {
  await model.refresh();
  await Promise.all(model.clusters.filter(({ id }) => isExpanded(id)).map(({ id }) => model.refreshImages(id)));
}

/** A message if the server is not available, there are no clusters or the history cannot be used. */
function Status({ model, trans, actions }: ISidebarProps): React.JSX.Element | null {
  switch (model.availability) {
    case 'unknown':
      return <p role="status">{trans.__('Loading…')}</p>;
    case 'missing':
      return (
        <p role="status">
          {trans.__(
            'kusto_magic is not installed on this Jupyter server. Install it in the environment that runs JupyterLab to list images here. Cells work without it.'
          )}
        </p>
      );
    case 'failing':
      return <p role="alert">{trans.__('The Jupyter server cannot be reached or returned an error. Retrying…')}</p>;
    case 'available':
      break;
  }
  if (model.warning) {
    return <p role="alert">{model.warning}</p>;
  }
  return model.clusters.length ? null : (
    <div>
      <p role="status">{trans.__('No clusters yet. Select one in a notebook to list it here.')}</p>
      <button type="button" className="jp-mod-styled" onClick={() => actions.insertCell({})}>
        {trans.__('Insert cell')}
      </button>
    </div>
  );
}

interface IClusterProps extends IContentProps {
  readonly cluster: ICluster;
  readonly filter: string;
}

function Cluster(props: IClusterProps): React.JSX.Element {
  const { cluster, isExpanded, onToggle, trans } = props;
  const expanded = isExpanded(cluster.id);
  return (
    <section>
      <h3>
        <button type="button" aria-expanded={expanded} onClick={() => onToggle(cluster.id)}>
          {expanded ? '▾' : '▸'} {clusterTitle(cluster, trans)}
        </button>
      </h3>
      {expanded ? <ClusterImages {...props} /> : null}
    </section>
  );
}

function ClusterImages(props: IClusterProps): React.JSX.Element {
  const { model, trans, cluster, filter } = props;
  const { active, identity, images, loaded, hint, problem } = model.images(cluster.id);
  const query = filter.trim().toLowerCase();
  const matching = [...unlistedImages(props), ...images].filter(({ name }) => name.toLowerCase().includes(query));
  return (
    <>
      {identity ? <p>{trans.__('Signed in as %1', identity)}</p> : null}
      {loaded && !problem ? <p>{activeImageText(active, trans)}</p> : null}
      {problem ? (
        <p role="alert">
          {problem} {hintText(hint, trans)}
        </p>
      ) : null}
      {!loaded ? <p role="status">{trans.__('Loading images…')}</p> : null}
      {loaded && !problem && !matching.length ? (
        <p role="status">{query ? trans.__('No matching images.') : trans.__('No custom images yet.')}</p>
      ) : null}
      <ul aria-label={trans.__('Images of %1', cluster.name)}>
        {matching.map(image => (
          <Image key={image.name.toLowerCase()} {...props} image={image} />
        ))}
      </ul>
    </>
  );
}

/** Return the images that are being built and that Azure does not list yet. */
function unlistedImages({ model, cluster }: IClusterProps): ReadonlyArray<IImage> {
  const listed = new Set(model.images(cluster.id).images.map(({ name }) => name.toLowerCase()));
  return model.activeBuilds
    .filter(({ clusterId, card }) => clusterId === cluster.id && card.createsImage)
    .filter(({ card }) => !listed.has(card.image.toLowerCase()))
    .map(({ card }) => ({
      name: card.image,
      state: card.state,
      outcome: card.outcome,
      base: card.base,
      baseImage: '',
      pythonVersion: '',
      requirements: '', // see `editAsCell`
      build: card.id
    }));
}

function Image(props: IClusterProps & { readonly image: IImage }): React.JSX.Element {
  const { model, trans, cluster, image } = props;
  const [expanded, setExpanded] = useState(false);
  // Azure compares the names of images without regard to case.
  const key = image.name.toLowerCase();
  const build = model.activeBuilds.find(
    ({ clusterId, card }) => clusterId === cluster.id && card.image.toLowerCase() === key
  );
  const shown = build?.card ?? image;
  const { active } = model.images(cluster.id);
  const isActive = isActiveImage(active, image.name);
  const details = [`${glyphOf(shown)} ${shown.state}`, image.base, activeMark(active, image.name, trans)];
  return (
    <li data-image={image.name} data-state={shown.state}>
      <button type="button" aria-expanded={expanded} onClick={() => setExpanded(!expanded)}>
        <strong>
          <bdi>{image.name}</bdi>
        </strong>
        <span>
          <bdi>{details.filter(part => part).join(' · ')}</bdi>
        </span>
      </button>
      {expanded ? <ImageActions {...props} buildId={build?.card.id ?? image.build} isActive={isActive} /> : null}
    </li>
  );
}

interface IImageActionsProps extends IClusterProps {
  readonly image: IImage;
  readonly buildId: string | null;
  readonly isActive: boolean;
}

function ImageActions(props: IImageActionsProps): React.JSX.Element {
  const { model, trans, cluster, image, actions, onDraft, buildId, isActive } = props;
  const draft: IImageDraft = {
    cluster: cluster.id,
    name: image.name,
    base: image.baseImage,
    python: image.baseImage ? '' : image.pythonVersion,
    requirements: image.requirements
  };
  return (
    <div className="jp-KustoImage-buttons" role="group" aria-label={trans.__('Actions for %1', image.name)}>
      <Button label={trans.__('Use as base')} onClick={() => onDraft({ cluster: cluster.id, base: image.name })} />
      <Button label={trans.__('Edit as cell')} onClick={() => void editAsCell(props, draft)} />
      <Button label={trans.__('Copy name')} onClick={() => actions.copyToClipboard(image.name)} />
      {buildId ? <Button label={trans.__('Show details')} onClick={() => actions.showDetails(buildId)} /> : null}
      {isActive ? null : (
        <Button label={trans.__('Enable…')} onClick={() => void enableImage(model, cluster, image.name, trans)} />
      )}
      <Button label={trans.__('Delete…')} onClick={() => void deleteImage(model, cluster, image.name, trans)} />
    </div>
  );
}

/** Insert a cell with the values of an image; those of one that Azure does not list yet are requested from its build. */
async function editAsCell(props: IImageActionsProps, draft: IImageDraft): Promise<void> {
  const { model, trans, cluster, image, actions, buildId } = props;
  const isListed = model.images(cluster.id).images.some(({ name }) => name === image.name);
  try {
    const requirements = isListed || !buildId ? image.requirements : (await model.getBuild(buildId)).card.requirements;
    actions.insertCell({ ...draft, requirements });
  } catch (error) {
    await showErrorMessage(trans.__('Image %1', image.name), errorMessage(error));
  }
}

function Button({ label, onClick }: { label: string; onClick: () => void }): React.JSX.Element {
  return (
    <button type="button" className="jp-mod-styled" onClick={onClick}>
      {label}
    </button>
  );
}
