/**
 * The sentences of JupyterLab for each hint: what the user can do, in the sidebar or in a cell.
 *
 * `kusto_magic/hints.py` describes the kinds. The kernel and the server send hints as data.
 */
import type { TranslationBundle } from '@jupyterlab/translation';

import type { components } from '../api/types.gen';
import { shellQuoted } from '../cells/cellText';

export type IHint = components['schemas']['Hint'];
export type HintKind = components['schemas']['HintKind'];

/** The data of a hint as a sentence needs it; `then` is the text of the next hint. */
interface IHintData {
  readonly name: string;
  /** The name as an argument of a magic. */
  readonly argument: string;
  /** The values, separated by commas. */
  readonly values: string;
  /** Each value in quotes after a blank, "" if there are none. */
  readonly quoted: string;
  readonly then: string;
}

type Sentence = (trans: TranslationBundle, data: IHintData) => string;

export const SENTENCES: Readonly<Record<HintKind, Sentence>> = {
  'fix-input': trans => trans.__('Fix this and try again. Nothing was sent.'),
  'apply-correction': trans =>
    trans.__('Apply the corrected requirements, or add --fix to the cell. Nothing was sent.'),
  'choose-name': trans => trans.__('Choose another name.'),
  'choose-base-image': trans => trans.__('Choose a base image, or a Python version such as 3.10.8.'),
  'choose-listed-image': trans => trans.__('Choose one of the image names above.'),
  'choose-cluster': trans => trans.__('Choose a cluster; in a cell, run %kusto_image use --cluster ARM-ID.'),
  'choose-subscription': trans => trans.__('In a cell, run %kusto_image use --subscription ID.'),
  'set-setting': (trans, { name, values }) =>
    trans.__('Set %1 in the environment, or %2 in config.toml, then restart the Jupyter server.', values, name),
  'allow-index-options': trans => trans.__('In a cell, add --allow-index-options if you trust the indexes.'),
  'allow-no-packages': trans => trans.__('In a cell, add --no-packages to create an image of its base alone.'),
  'paste-file': trans => trans.__('Paste its lines here; in a cell, --file PATH reads them.'),
  'recreate-image': trans => trans.__('Build the image again without this, then export it.'),
  'show-help': (trans, { name }) => trans.__('In a cell, %1 --help shows the valid arguments.', name),

  'fix-conflict': trans => trans.__('Fix the requirements and try again; in a cell, --no-check sends them anyway.'),
  'accept-correction': trans =>
    trans.__('Apply the corrected requirements, or add --fix to the cell; there, --no-check sends them as they are.'),
  'send-unpinned': trans => trans.__('Try again later, or leave out --pin in the cell.'),

  'sign-in': (trans, { name }) =>
    trans.__(
      'Sign in with `az login` in a terminal, or in a cell with %kusto_image use --as %1, then try again.',
      name
    ),
  'sign-in-interactively': (trans, { name }) =>
    trans.__('Sign in with `az login` in a terminal; in a cell, run %kusto_image use --as %1.', name),
  'sign-in-to-tenant': trans =>
    trans.__(
      "Sign in to the subscription's tenant (its ID or domain): run `az login --tenant TENANT` in a terminal, then try " +
        'again.'
    ),
  'choose-credential': (trans, { values }) =>
    trans.__(
      'Another sign-in method, such as %1, is chosen by credential in config.toml (restart the Jupyter server), or in ' +
        'a cell with %kusto_image use --as METHOD.',
      values
    ),
  'run-command': (trans, { name }) => trans.__('Run `%1` in a terminal, then try again.', name),
  'allow-more-time': (trans, { name, values }) =>
    trans.__(
      'Run `%1` in a terminal; if it responds, try again. `az_timeout = %2` in config.toml allows it more time (restart ' +
        'the Jupyter server).',
      name,
      values
    ),
  'install-tool': (trans, { name, values }) => trans.__('Install %1 and run `%2`, then try again.', name, values),
  'assign-identity': trans => trans.__('Assign a managed identity to this machine.'),
  'fix-federation': trans =>
    trans.__(
      'Check the federated credential of the identity: issuer, subject and audience must match those of the pod.'
    ),
  'set-variables': (trans, { values }) =>
    trans.__('Set %1 to valid values, then restart the Jupyter server and the kernel.', values),

  'check-network': trans => trans.__('Check the network and the proxy (HTTPS_PROXY), then try again.'),
  'check-name-servers': trans =>
    trans.__('Check the network, the VPN and its name servers; a network with a proxy needs HTTPS_PROXY.'),
  'check-proxy-name': trans => trans.__('Check the host name of the proxy (HTTPS_PROXY or ALL_PROXY) and the network.'),
  'fix-proxy': trans => trans.__('The proxy refuses the connection: check HTTPS_PROXY, or add the host to NO_PROXY.'),
  'sign-in-to-proxy': trans =>
    trans.__('The proxy requires a sign-in: set HTTPS_PROXY to http://USER:PASSWORD@HOST:PORT, then try again.'),
  'fix-variables': (trans, { values }) =>
    trans.__('Fix or unset %1, then restart the Jupyter server and the kernel.', values),
  'set-ca-bundle': (trans, { values }) =>
    trans.__(
      "Set %1 to a bundle with your network's certificates, then restart the Jupyter server and the kernel.",
      values
    ),
  'extend-ca-bundle': (trans, { name }) =>
    trans.__(
      "Add your network's certificates to the bundle in %1, then restart the Jupyter server and the kernel.",
      name
    ),
  'check-clock': trans =>
    trans.__('Check the date and time of this machine; if they are correct, the certificate has to be renewed.'),
  'check-endpoint': trans => trans.__('Check the endpoint and the proxy: the certificate is that of another host.'),
  'report-endpoint': trans => trans.__("Report this to the endpoint's operator."),
  'start-emulator': trans => trans.__('In a cell, run %kusto_image use emulator, then try again.'),
  'fix-emulator': (trans, { name }) =>
    trans.__("Fix the reported problem. To start over without the emulator's images, delete the file %1.", name),

  'fix-rejected': trans => trans.__("See the service's message above, fix what it rejects, and try again."),
  'check-request': trans =>
    trans.__('The service does not say what it rejects: check the name, the base image and the requirements.'),
  'see-message': trans => trans.__("See the service's message above; waiting does not help unless it says so."),
  'quote-id': trans => trans.__('If the error persists, quote the request ID above in a support request.'),
  'wait-a-minute': trans => trans.__('Too many requests; try again in a minute.'),
  'ask-for-role': (trans, { values }) => trans.__('Ask an owner of the cluster for a role with %1.', values),
  'check-permissions': trans =>
    trans.__("See the service's message above; in a cell, %kusto_image doctor checks the permissions."),
  'ask-subscription-owner': trans =>
    trans.__('Ask the owner of the subscription to reactivate it or to allow this, or use another subscription.'),
  'check-subscription': trans =>
    trans.__(
      'Check the subscription ID (az account list shows yours), and sign in to its tenant: az login --tenant TENANT.'
    ),
  'check-cluster': trans => trans.__('Check the cluster and its resource group.'),
  'check-name': trans => trans.__('Check the name and the cluster; refresh the images.'),
  'check-region': trans =>
    trans.__('Sandbox custom images are not available there; check the cloud and the region of the cluster.'),
  'register-provider': (trans, { name }) => trans.__('Register it: az provider register --namespace %1 --wait.', name),
  'remove-lock': (trans, { quoted }) =>
    trans.__('Ask an owner of the cluster to remove the lock%1; az lock list shows all locks.', quoted),
  'comply-with-policy': (trans, { quoted }) =>
    trans.__('Comply with the policy%1, or ask its owner for an exemption.', quoted),

  retry: trans => trans.__('Try again.'),
  'wait-for-cluster': trans =>
    trans.__(
      'Wait until the running change of the cluster is done, then try again; in a cell, --queue waits and retries.'
    ),
  'wait-for-build': trans => trans.__('Wait until its build is done.'),
  resume: (trans, { argument }) => trans.__('In a cell, %kusto_image attach %1 resumes the operation.', argument),
  'resume-after-restart': (trans, { argument }) =>
    trans.__('After a kernel restart, %kusto_image attach %1 in a cell resumes.', argument),
  'check-arrival': (trans, { argument, then }) =>
    trans.__(
      'The request may have arrived: refresh the images, or run %kusto_image attach %1 in a cell, to see whether the ' +
        'operation was started. Otherwise: %2',
      argument,
      then
    ),
  'send-again': (trans, { argument }) =>
    trans.__(
      'Refresh the images; if the change is still wanted, make it again, or run %kusto_image attach %1 --send in a cell.',
      argument
    ),
  'wait-before-end': (trans, { argument }) => trans.__('In a cell, %kusto_image attach %1 --send sends it.', argument),
  'show-status': trans => trans.__('Refresh the images; in a cell, %kusto_image status shows the result.'),
  'fix-requirements': trans => trans.__("See the service's message above, fix the requirements, and try again."),
  'fix-fleet': trans => trans.__('Fix the errors and try again; clusters that succeeded are left unchanged.'),
  'check-images': trans => trans.__("See the service's message above, and refresh the images."),
  'check-image': (trans, { argument }) =>
    trans.__(
      'In a cell, %kusto_image show %1 shows the image; build it again if it should be yours, in a cell with --force.',
      argument
    ),
  'show-image': (trans, { argument }) => trans.__('In a cell, %kusto_image show %1 shows the image.', argument),
  confirm: trans => trans.__('To proceed anyway, refresh the images, try again and confirm; in a cell, add --yes.'),
  'use-new-name': trans => trans.__('Or choose a new name, and enable that image afterwards.'),
  'enable-image': trans => trans.__('Enable an image, so that it is known which one queries use.'),
  'enable-before': (trans, { name }) => trans.__('Enable image %1, then try again.', name),
  'choose-database': trans => trans.__('Choose a database that exists and that you may query.'),
  'ask-for-database-role': trans =>
    trans.__('Ask an administrator of the cluster for the role Viewer of a database, or AllDatabasesViewer.'),
  'rebuild-image': (trans, { argument }) =>
    trans.__('Build it again: run %%kusto_image %1 with --force and --pin.', argument),
  'read-base': trans =>
    trans.__(
      'Run %%kusto_image bases --live in a cell, so that later checks use the packages that the image has, not those of a list.'
    ),
  'update-lock': trans => trans.__('Use the base and the requirements of the lock, or add --update-lock to the cell.'),
  'reload-page': trans => trans.__('Reload the page.')
};

/** Return a hint as text, "" if there is none or this version does not know it. */
export function hintText(hint: IHint | null | undefined, trans: TranslationBundle): string {
  if (!hint || !isKind(hint.kind)) {
    return '';
  }
  const { name, values } = hint;
  const then = hintText(hint.then, trans);
  const data = {
    name,
    argument: shellQuoted(name),
    values: values.join(', '),
    quoted: values.map(value => ` '${value}'`).join(','),
    then
  };
  const text = SENTENCES[hint.kind](trans, data);
  return then && hint.kind !== 'check-arrival' ? `${text} ${then}` : text;
}

/** Return a message followed by its hint. */
export function withHint(message: string, hint: IHint | null | undefined, trans: TranslationBundle): string {
  const text = hintText(hint, trans);
  return text ? `${message.replace(/\.$/, '')}. ${text}` : message;
}

function isKind(kind: string): kind is HintKind {
  return Object.hasOwn(SENTENCES, kind);
}
