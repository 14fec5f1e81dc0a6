/** What the rows of the tree show. */
import { caretDownIcon, caretRightIcon, editIcon, ellipsesIcon, type LabIcon } from '@jupyterlab/ui-components';
import type { TranslationBundle } from '@jupyterlab/translation';
import type * as React from 'react';

import type { IPoint } from '../components/menu';
import { StateIcon } from '../components/state';
import { hintText } from '../model/hints';
import type { IClusterImages, IImagesModel } from '../tokens';
import { isActiveImage } from './activeImage';
import { Elapsed } from './elapsed';
import type { IClusterRow, IImageRow, IMessageRow } from './rows';
import { messageText, queriesText, secondLine } from './rowTexts';
import type { ITreeActions } from './tree';

interface IRowViewProps {
  readonly model: IImagesModel;
  readonly trans: TranslationBundle;
  readonly actions: ITreeActions;
  readonly openMenu: (at: IPoint) => void;
}

export function ClusterRow(props: IRowViewProps & { readonly row: IClusterRow }): React.JSX.Element {
  const { row, model, trans, actions, openMenu } = props;
  const { cluster, isExpanded, count } = row;
  const { identity } = model.images(cluster.id);
  const Caret = (isExpanded ? caretDownIcon : caretRightIcon).react;
  const queries = queriesText(row, model, trans);
  const place = trans.__('Resource group %1, subscription %2', cluster.resourceGroup, cluster.subscription);
  const title = [cluster.name, place, identity ? trans.__('Signed in as %1', identity) : ''].filter(it => it);
  return (
    <>
      <div
        className="jp-KustoImage-rowMain"
        title={title.join('\n')}
        onClick={() => actions.toggle(cluster.id)}
        role="presentation"
      >
        <Caret tag="span" className="jp-KustoImage-caret" aria-hidden="true" />
        <span className="jp-KustoImage-name">
          <bdi>{cluster.name}</bdi>
        </span>
        {cluster.emulator ? <span className="jp-KustoImage-chip">{trans.__('emulator')}</span> : null}
        {count === null ? null : (
          <span className="jp-KustoImage-count" title={trans._n('%1 image', '%1 images', count)}>
            {count}
            <span className="jp-KustoImage-hidden"> {trans._n('image', 'images', count)}</span>
          </span>
        )}
        <RowButtons>
          <IconButton icon={ellipsesIcon} label={trans.__('More actions for %1', cluster.name)} onClick={openMenu} />
        </RowButtons>
      </div>
      {queries ? (
        <div className="jp-KustoImage-second" title={queries}>
          <bdi>{queries}</bdi>
        </div>
      ) : null}
    </>
  );
}

export function ImageRow(props: IRowViewProps & { readonly row: IImageRow }): React.JSX.Element {
  const { row, model, trans, actions, openMenu } = props;
  const { image, build, cluster, isCustom } = row;
  const shown = build?.card ?? image;
  const second = secondLine(row, model, trans);
  return (
    <div className="jp-KustoImage-rowGrid" role="presentation" onDoubleClick={() => actions.showDetails(row)}>
      {isCustom || build ? <StateIcon outcome={shown.outcome} /> : <span />}
      <div className="jp-KustoImage-rowMain">
        <span className="jp-KustoImage-name" title={image.name}>
          <bdi>{image.name}</bdi>
        </span>
        {isActiveImage(model.images(cluster.id).active, image.name) ? (
          <span className="jp-KustoImage-chip">{trans.__('active')}</span>
        ) : null}
        {build ? <Elapsed card={build.card} /> : null}
        <RowButtons>
          {isCustom ? (
            <IconButton
              icon={editIcon}
              label={trans.__('Edit %1 as cell', image.name)}
              onClick={() => actions.editAsCell(row)}
            />
          ) : null}
          <IconButton icon={ellipsesIcon} label={trans.__('More actions for %1', image.name)} onClick={openMenu} />
        </RowButtons>
      </div>
      <div className="jp-KustoImage-second" title={second}>
        <bdi>{second}</bdi>
      </div>
    </div>
  );
}

interface IMessageRowProps extends Omit<IRowViewProps, 'openMenu'> {
  readonly row: IMessageRow;
  readonly shown: IClusterImages;
}

export function MessageRow({ row, shown, trans, actions }: IMessageRowProps): React.JSX.Element {
  if (row.kind !== 'problem') {
    return <div className="jp-KustoImage-second">{messageText(row.kind, trans)}</div>;
  }
  const next = hintText(shown.hint, trans);
  return (
    <>
      <div className="jp-KustoImage-problemLine" title={[shown.problem, next].join('\n')}>
        <StateIcon outcome="failed" />
        <span>{shown.problem}</span>
      </div>
      {next ? <div className="jp-KustoImage-second">{next}</div> : null}
      <div className="jp-KustoImage-links">
        <LinkButton label={trans.__('Retry')} onClick={() => actions.retry(row.cluster.id)} />
        <LinkButton label={trans.__('Remove from list')} onClick={() => actions.removeCluster(row.cluster.id)} />
      </div>
    </>
  );
}

function RowButtons({ children }: { children: React.ReactNode }): React.JSX.Element {
  return <span className="jp-KustoImage-rowButtons">{children}</span>;
}

interface IIconButtonProps {
  readonly icon: LabIcon;
  readonly label: string;
  readonly onClick: (at: IPoint) => void;
}

/** A button for the mouse: by keyboard, its row has the same actions. */
function IconButton({ icon, label, onClick }: IIconButtonProps): React.JSX.Element {
  const Icon = icon.react;
  return (
    <button
      type="button"
      tabIndex={-1}
      className="jp-KustoImage-iconButton"
      title={label}
      aria-label={label}
      onDoubleClick={event => event.stopPropagation()}
      onClick={event => {
        event.stopPropagation();
        const { left, bottom } = event.currentTarget.getBoundingClientRect();
        event.currentTarget.closest<HTMLElement>('[role=treeitem]')?.focus();
        onClick({ x: left, y: bottom });
      }}
    >
      <Icon tag="span" aria-hidden="true" />
    </button>
  );
}

function LinkButton({ label, onClick }: { label: string; onClick: () => void }): React.JSX.Element {
  return (
    <button type="button" className="jp-KustoImage-link" onClick={onClick}>
      {label}
    </button>
  );
}
