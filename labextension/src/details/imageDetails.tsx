/** What is known of an image: its state, plan, requirements and operations on its cluster. */
import { ReactWidget, UseSignal } from '@jupyterlab/apputils';
import type { TranslationBundle } from '@jupyterlab/translation';
import type { CommandRegistry } from '@lumino/commands';
import type * as React from 'react';

import type { IBuild, ICluster, IImage } from '../api/api';
import { CommandIDs } from '../commandIds';
import { CopyButton } from '../components/copyButton';
import { PlanView } from '../components/planView';
import { StateBadge, StateIcon } from '../components/state';
import { hintText } from '../model/hints';
import { activeImageText, isActiveImage } from '../sidebar/activeImage';
import { baseText, clusterTitle } from '../sidebar/rowTexts';
import { type IListedImage, imageKey, listImages } from '../sidebar/rows';
import type { IImagesModel } from '../tokens';
import { BuildHistory } from './buildHistory';
import { useImageBuilds, useLatestPlan, useRequirements } from './useImage';

export interface IImageDetailsProps {
  readonly model: IImagesModel;
  readonly trans: TranslationBundle;
  readonly commands: CommandRegistry;
  /** The id of the cluster. */
  readonly cluster: string;
  readonly name: string;
}

export class ImageDetails extends ReactWidget {
  constructor(readonly props: IImageDetailsProps) {
    super();
    this.addClass('jp-KustoImage-details');
  }

  override dispose(): void {
    this.props.model.watchImages(this, []);
    super.dispose();
  }

  protected override onAfterShow(): void {
    this.props.model.watchImages(this, [this.props.cluster]);
  }

  protected override onAfterAttach(): void {
    this.update();
    this.onAfterShow();
  }

  protected override onAfterHide(): void {
    this.props.model.watchImages(this, []);
  }

  protected override render(): React.JSX.Element {
    return <UseSignal signal={this.props.model.changed}>{() => <Details {...this.props} />}</UseSignal>;
  }
}

function Details(props: IImageDetailsProps): React.JSX.Element {
  const { model, trans, name } = props;
  const cluster = model.clusters.find(({ id }) => id === props.cluster);
  const builds = useImageBuilds(model, props.cluster, name);
  if (!cluster) {
    const isLoading = model.availability === 'unknown' || model.availability === 'failing';
    return (
      <p role="status">{isLoading ? trans.__('Loading…') : trans.__('This cluster is not in the list of clusters.')}</p>
    );
  }
  const found = listImages(model, cluster.id).find(({ image }) => imageKey(image.name) === imageKey(name));
  return (
    <>
      <Head {...props} cluster={cluster} found={found} builds={builds} />
      <Problem {...props} cluster={cluster} />
      {found?.isCustom ? <Contents {...props} found={found} builds={builds} /> : null}
      <BuildHistory
        builds={builds}
        trans={trans}
        showBuild={id => void props.commands.execute(CommandIDs.openRecord, { id })}
      />
    </>
  );
}

interface IHeadProps extends Omit<IImageDetailsProps, 'cluster'> {
  readonly cluster: ICluster;
  readonly found: IListedImage | undefined;
  readonly builds: ReadonlyArray<IBuild>;
}

function Head({ model, trans, name, cluster, found }: IHeadProps): React.JSX.Element {
  const { active, loaded } = model.images(cluster.id);
  const shown = shownState(found);
  const facts = [
    found && baseText(found, trans),
    clusterTitle(cluster, trans),
    loaded ? activeImageText(active, trans) : ''
  ];
  return (
    <div className="jp-KustoImage-detailsHead">
      {shown ? <StateIcon outcome={shown.outcome} /> : <span />}
      <h1>
        <bdi>{found?.image.name ?? name}</bdi>
      </h1>
      {shown ? <StateBadge {...shown} /> : null}
      {isActiveImage(active, name) ? <span className="jp-KustoImage-chip">{trans.__('active')}</span> : null}
      <p>
        <bdi>{facts.filter(fact => fact).join(' · ')}</bdi>
      </p>
    </div>
  );
}

/** A managed image has no state of its own. */
function shownState(found: IListedImage | undefined): Pick<IImage, 'state' | 'outcome'> | null {
  const shown = found?.build?.card ?? (found?.isCustom ? found.image : null);
  return shown && { state: shown.state, outcome: shown.outcome };
}

/** Why the images of the cluster could not be read, or that the image does not exist. */
function Problem({
  model,
  trans,
  cluster,
  name
}: Omit<IImageDetailsProps, 'cluster'> & { cluster: ICluster }): React.JSX.Element | null {
  const { loaded, problem, hint } = model.images(cluster.id);
  if (problem) {
    return (
      <p role="alert" className="jp-KustoImage-tone jp-mod-error">
        {[problem, hintText(hint, trans)].filter(line => line).join(' ')}
      </p>
    );
  }
  const isKnown = listImages(model, cluster.id).some(({ image }) => imageKey(image.name) === imageKey(name));
  if (isKnown) {
    return null;
  }
  return <p role="status">{loaded ? trans.__('The cluster has no image of this name.') : trans.__('Loading…')}</p>;
}

interface IContentsProps extends Omit<IImageDetailsProps, 'cluster'> {
  readonly found: IListedImage;
  readonly builds: ReadonlyArray<IBuild>;
}

/** The plan and the requirements. */
function Contents({ model, trans, found, builds }: IContentsProps): React.JSX.Element {
  const plan = useLatestPlan(model, builds);
  const requirements = useRequirements(model, found);
  return (
    <>
      {plan ? (
        <section aria-label={trans.__('Packages')}>
          <h2>{trans.__('Packages')}</h2>
          <PlanView plan={plan} applier={null} trans={trans} />
        </section>
      ) : null}
      <section aria-label={trans.__('Requirements')}>
        <h2>
          {trans.__('Requirements')}
          {requirements ? <CopyButton text={requirements} trans={trans} /> : null}
        </h2>
        {requirements ? (
          <pre tabIndex={0}>
            <bdi>{requirements}</bdi>
          </pre>
        ) : (
          <p>{trans.__('None: the packages of the base image alone.')}</p>
        )}
      </section>
    </>
  );
}
