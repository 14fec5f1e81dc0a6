/** The left sidebar: the clusters known here, and their images as they stand. */
import { Dialog, ReactWidget, showDialog, showErrorMessage, UseSignal } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';
import { useState } from 'react';

import type { ICluster, IImage } from '../api/api';
import { glyph } from '../cards/cardData';
import type { IDraft } from '../commands';
import { NewImageForm, title } from './imageForm';
import { imageIcon } from '../icon';
import { words } from '../model/imagesModel';
import type { IImagesModel } from '../tokens';

/** What the sidebar asks others to do. */
export interface IActions {
  insertCell(draft: IDraft): void;
  openRecord(id: string): void;
  copy(text: string): void;
}

interface IProps {
  readonly model: IImagesModel;
  readonly trans: TranslationBundle;
  readonly actions: IActions;
}

export class Sidebar extends ReactWidget {
  constructor(private readonly _props: IProps) {
    super();
    this.id = 'kusto-magic-sidebar';
    this.title.icon = imageIcon;
    this.title.caption = _props.trans.__('Kusto images');
    this.addClass('jp-KustoImage-sidebar');
    this.node.setAttribute('role', 'region');
    this.node.setAttribute('aria-label', _props.trans.__('Kusto images'));
    _props.model.changed.connect(() => this._look());
  }

  /** Show the form, filled in as far as the draft says. */
  openForm(draft: IDraft): void {
    this._draft = draft;
    this.update();
  }

  protected override onAfterShow(): void {
    this._look();
    void this._props.model.refresh();
  }

  protected override onAfterHide(): void {
    this._look();
  }

  protected override render(): React.JSX.Element {
    return (
      <UseSignal signal={this._props.model.changed}>
        {() => (
          <Body
            {...this._props}
            draft={this._draft}
            isOpen={cluster => this._isOpen(cluster)}
            onToggle={cluster => this._toggle(cluster)}
            onForm={draft => {
              this._draft = draft;
              this.update();
            }}
          />
        )}
      </UseSignal>
    );
  }

  /** The first cluster is open until it is closed, the others closed until they are opened. */
  private _isOpen(cluster: string): boolean {
    return this._toggled.has(cluster) !== (this._props.model.clusters[0]?.id === cluster);
  }

  private _toggle(cluster: string): void {
    if (!this._toggled.delete(cluster)) {
      this._toggled.add(cluster);
    }
    this._look();
    this.update();
  }

  private _look(): void {
    const ids = this._props.model.clusters.map(cluster => cluster.id);
    this._props.model.look(this.isVisible ? ids.filter(id => this._isOpen(id)) : []);
  }

  private readonly _toggled = new Set<string>();
  private _draft: IDraft | null = null;
}

interface IBodyProps extends IProps {
  readonly draft: IDraft | null;
  readonly isOpen: (cluster: string) => boolean;
  readonly onToggle: (cluster: string) => void;
  readonly onForm: (draft: IDraft | null) => void;
}

function Body(props: IBodyProps): React.JSX.Element {
  const { model, trans, draft, actions, onForm } = props;
  const [filter, setFilter] = useState('');
  return (
    <>
      <header>
        <h2>{trans.__('Kusto images')}</h2>
        <button type="button" className="jp-mod-styled" disabled={!model.clusters.length} onClick={() => onForm({})}>
          {trans.__('New image')}
        </button>
        <button type="button" className="jp-mod-styled" onClick={() => void refreshAll(props)}>
          {trans.__('Refresh')}
        </button>
      </header>
      <Hint {...props} />
      {draft ? (
        <NewImageForm
          key={JSON.stringify(draft)}
          model={model}
          trans={trans}
          draft={draft}
          onCell={made => {
            onForm(null);
            actions.insertCell(made);
          }}
          onClose={() => onForm(null)}
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

async function refreshAll({ model, isOpen }: IBodyProps): Promise<void> {
  await model.refresh();
  await Promise.all(model.clusters.filter(it => isOpen(it.id)).map(it => model.refreshImages(it.id)));
}

/** What stands where there is nothing to list, or something is wrong. */
function Hint({ model, trans, actions }: IProps): React.JSX.Element | null {
  switch (model.availability) {
    case 'unknown':
      return <p role="status">{trans.__('Asking the Jupyter server…')}</p>;
    case 'missing':
      return (
        <p role="status">
          {trans.__(
            'This Jupyter server has no kusto_magic: install it where JupyterLab runs. Cells work all the same.'
          )}
        </p>
      );
    case 'failing':
      return <p role="alert">{trans.__('The Jupyter server does not answer as it should. It is asked again.')}</p>;
    case 'here':
      break;
  }
  if (model.warning) {
    return <p role="alert">{model.warning}</p>;
  }
  return model.clusters.length ? null : (
    <div>
      <p role="status">{trans.__('No cluster is known yet. Choose one in a notebook; it is then shown here.')}</p>
      <button type="button" className="jp-mod-styled" onClick={() => actions.insertCell({})}>
        {trans.__('Insert a first cell')}
      </button>
    </div>
  );
}

interface IClusterProps extends IBodyProps {
  readonly cluster: ICluster;
  readonly filter: string;
}

function Cluster(props: IClusterProps): React.JSX.Element {
  const { cluster, isOpen, onToggle, trans } = props;
  const open = isOpen(cluster.id);
  return (
    <section>
      <h3>
        <button type="button" aria-expanded={open} onClick={() => onToggle(cluster.id)}>
          {open ? '▾' : '▸'} {title(cluster, trans)}
        </button>
      </h3>
      {open ? <Shelf {...props} /> : null}
    </section>
  );
}

function Shelf(props: IClusterProps): React.JSX.Element {
  const { model, trans, cluster, filter } = props;
  const shelf = model.shelf(cluster.id);
  const wanted = filter.trim().toLowerCase();
  const images = [...coming(props), ...shelf.images].filter(it => it.name.toLowerCase().includes(wanted));
  return (
    <>
      {shelf.identity ? <p>{trans.__('Signed in as %1', shelf.identity)}</p> : null}
      {shelf.active ? <p>{trans.__('Queries run on %1', shelf.active)}</p> : null}
      {shelf.problem ? (
        <p role="alert">
          {shelf.problem} {shelf.next}
        </p>
      ) : null}
      {!shelf.loaded ? <p role="status">{trans.__('Asking for the images…')}</p> : null}
      {shelf.loaded && !shelf.problem && !images.length ? (
        <p role="status">{wanted ? trans.__('No image has this in its name.') : trans.__('No custom images yet.')}</p>
      ) : null}
      <ul aria-label={trans.__('Images of %1', cluster.name)}>
        {images.map(image => (
          <Image key={image.name.toLowerCase()} {...props} image={image} />
        ))}
      </ul>
    </>
  );
}

/** Images that are being built and that Azure does not list yet. */
function coming({ model, cluster }: IClusterProps): ReadonlyArray<IImage> {
  const listed = new Set(model.shelf(cluster.id).images.map(image => image.name.toLowerCase()));
  return model.active
    .filter(it => it.clusterId === cluster.id && it.card.action === 'build' && !listed.has(it.card.image.toLowerCase()))
    .map(({ card }) => ({
      name: card.image,
      state: card.state,
      base: card.base,
      baseImage: '',
      pythonVersion: '',
      requirements: card.requirements,
      build: card.id
    }));
}

function Image(props: IClusterProps & { readonly image: IImage }): React.JSX.Element {
  const { model, trans, cluster, image, actions, onForm } = props;
  const [open, setOpen] = useState(false);
  const lower = image.name.toLowerCase();
  const build = model.active.find(it => it.clusterId === cluster.id && it.card.image.toLowerCase() === lower);
  const state = build?.card.state ?? image.state;
  const record = build?.card.id ?? image.build;
  const isActive = model.shelf(cluster.id).active.toLowerCase() === lower;
  const draft: IDraft = {
    cluster: cluster.id,
    name: image.name,
    base: image.baseImage,
    python: image.baseImage ? '' : image.pythonVersion,
    requirements: image.requirements
  };
  return (
    <li data-image={image.name} data-state={state}>
      <button type="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        <strong>{image.name}</strong>
        <span>
          {[`${glyph(state)} ${state}`, image.base, isActive && trans.__('active')].filter(part => part).join(' · ')}
        </span>
      </button>
      {open ? (
        <div className="jp-KustoImage-buttons" role="group" aria-label={trans.__('What to do with %1', image.name)}>
          <Do name={trans.__('Use as base')} on={() => onForm({ cluster: cluster.id, base: image.name })} />
          <Do name={trans.__('Edit as cell')} on={() => actions.insertCell(draft)} />
          <Do name={trans.__('Copy name')} on={() => actions.copy(image.name)} />
          {record ? <Do name={trans.__('Open record')} on={() => actions.openRecord(record)} /> : null}
          {isActive ? null : (
            <Do name={trans.__('Enable…')} on={() => void enableImage(model, cluster, image.name, trans)} />
          )}
          <Do name={trans.__('Delete…')} on={() => void removeImage(model, cluster, image.name, trans)} />
        </div>
      ) : null}
    </li>
  );
}

function Do({ name, on }: { name: string; on: () => void }): React.JSX.Element {
  return (
    <button type="button" className="jp-mod-styled" onClick={on}>
      {name}
    </button>
  );
}

/** Let the queries of a cluster run on an image, after asking: they all do then. */
export async function enableImage(
  model: IImagesModel,
  cluster: ICluster,
  name: string,
  trans: TranslationBundle
): Promise<void> {
  const answer = await showDialog({
    title: trans.__('Enable image %1?', name),
    body: trans.__('The queries of %1 that use Python will run on it. This takes up to an hour.', cluster.name),
    buttons: [Dialog.cancelButton(), Dialog.okButton({ label: trans.__('Enable') })],
    defaultButton: 0
  });
  if (!answer.button.accept) {
    return;
  }
  try {
    await model.enable(cluster.id, name);
  } catch (error) {
    await showErrorMessage(trans.__('Image %1 is not enabled', name), words(error));
  }
}

/** Delete an image, after asking whether it shall really go. */
export async function removeImage(
  model: IImagesModel,
  cluster: ICluster,
  name: string,
  trans: TranslationBundle
): Promise<void> {
  const answer = await showDialog({
    title: trans.__('Delete image %1?', name),
    body: trans.__('Queries on %1 that use it will fail. This cannot be undone.', cluster.name),
    buttons: [Dialog.cancelButton({ label: trans.__('Keep') }), Dialog.warnButton({ label: trans.__('Delete') })],
    defaultButton: 0
  });
  if (!answer.button.accept) {
    return;
  }
  try {
    await model.remove(cluster.id, name);
  } catch (error) {
    await showErrorMessage(trans.__('Image %1 is not deleted', name), words(error));
  }
}
