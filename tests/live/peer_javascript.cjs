// Calls every operation of images, extensions and clusters of @azure/arm-kusto, unmodified, and prints the results.
//
// The first argument is the folder with node_modules; standard input has endpoint, token and target as JSON.
"use strict";

const folder = process.argv[2];
const { KustoManagementClient } = require(require.resolve("@azure/arm-kusto", { paths: [folder] }));
const { endpoint, token, subscription, group, cluster, other } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));

const GROUPS = ["sandboxCustomImages", "clusters", "skus", "operations", "operationsResults", "operationsResultsLocation"];
const QUICK = { updateIntervalInMs: 1 };

/** Return a client that sends the emulator's token: it rejects bearer tokens over http. */
function connect() {
  const credential = { getToken: async () => null };
  const client = new KustoManagementClient(credential, subscription, { endpoint, allowInsecureConnection: true });
  client.pipeline.removePolicy({ name: "bearerTokenAuthenticationPolicy" });
  client.pipeline.addPolicy({
    name: "emulatorToken",
    sendRequest(request, next) {
      request.headers.set("Authorization", `Bearer ${token}`);
      request.allowInsecureConnection = true;
      return next(request);
    },
  });
  return client;
}

async function all(pages) {
  const items = [];
  for await (const item of pages) {
    items.push(item);
  }
  return items;
}

async function main() {
  const client = connect();
  const called = new Set();
  const results = {};

  /** Call an operation and store its result under `key`. */
  async function call(key, groupName, operation, ...rest) {
    called.add(`${groupName}.${operation.replace(/AndWait$/, "")}`);
    const value = client[groupName][operation](...rest);
    try {
      results[key] = (operation.startsWith("list") ? await all(value) : await value) ?? null;
    } catch (error) {
      results[key] = { code: error.code, status: error.statusCode, message: error.message };
    }
    return results[key];
  }

  const image = { language: "Python", languageVersion: "3.10.8", requirementsFileContent: "Requests\n urllib3" };
  const images = (key, operation, ...rest) => call(key, "sandboxCustomImages", operation, group, cluster, ...rest);
  await images("created", "beginCreateOrUpdateAndWait", "one", image, QUICK);
  await images("replaced", "beginCreateOrUpdateAndWait", "one", { ...image, requirementsFileContent: "Pillow" }, QUICK);
  await images("patched", "beginUpdateAndWait", "one", { ...image, requirementsFileContent: "anytree" }, QUICK);
  await images("got", "get", "one");
  await images("listed", "listByCluster");
  await images("taken", "checkNameAvailability", { name: "one" });
  await images("failed", "beginCreateOrUpdateAndWait", "bad", { ...image, requirementsFileContent: "numpy==99" }, QUICK);
  await images("missing", "get", "none");

  const clusters = (key, operation, ...rest) => call(key, "clusters", operation, group, cluster, ...rest);
  const python = { languageExtensionName: "PYTHON", languageExtensionImageName: "Python3_10_8" };
  await clusters("enabled", "beginAddLanguageExtensionsAndWait", { value: [python] }, QUICK);
  await clusters("extensions", "listLanguageExtensions");
  await clusters("cluster", "get");
  await clusters("disabled", "beginRemoveLanguageExtensionsAndWait", { value: [python] }, QUICK);
  await clusters("noExtensions", "listLanguageExtensions");
  await images("deleted", "beginDeleteAndWait", "one", QUICK);

  const body = { location: "West Europe", sku: { name: "Standard_L8s_v3", tier: "Standard", capacity: 2 } };
  await call("newCluster", "clusters", "beginCreateOrUpdateAndWait", group, "created", body, QUICK);
  await call("changedCluster", "clusters", "beginUpdateAndWait", group, "created", { tags: { a: "b" } }, QUICK);
  await call("stopped", "clusters", "beginStopAndWait", group, "created", QUICK);
  await call("stoppedCluster", "clusters", "get", group, "created");
  await call("started", "clusters", "beginStartAndWait", group, "created", QUICK);
  await call("takenCluster", "clusters", "checkNameAvailability", "West Europe", {
    name: "created",
    type: "Microsoft.Kusto/clusters",
  });
  await call("clusters", "clusters", "list");
  await call("deletedCluster", "clusters", "beginDeleteAndWait", group, "created", QUICK);
  await call("clustersOfGroup", "clusters", "listByResourceGroup", group);
  await clusters("migrated", "beginMigrateAndWait", { clusterResourceId: other }, QUICK);
  await clusters("followers", "listFollowerDatabases");
  const follower = { clusterResourceId: other, attachedDatabaseConfigurationName: "none" };
  await clusters("detached", "beginDetachFollowerDatabasesAndWait", follower, QUICK);
  await clusters("diagnosis", "beginDiagnoseVirtualNetworkAndWait", QUICK);
  await clusters("endpoints", "listOutboundNetworkDependenciesEndpoints");
  await clusters("skusOfCluster", "listSkusByResource");
  await call("skus", "clusters", "listSkus");
  await call("skusOfRegion", "skus", "list", "East US");
  await call("operations", "operations", "list");
  await call("noOperation", "operationsResults", "get", "East US", "00000000-0000-4000-8000-000000000009");
  await call("noLocation", "operationsResultsLocation", "get", "East US", "00000000-0000-4000-8000-000000000009");

  const offered = GROUPS.flatMap((name) =>
    Object.getOwnPropertyNames(Object.getPrototypeOf(client[name]))
      .filter((member) => member !== "constructor" && !/^_|PagingPage$|PagingAll$|AndWait$/.test(member))
      .map((member) => `${name}.${member}`),
  );
  const forgotten = offered.filter((operation) => !called.has(operation));
  process.stdout.write(JSON.stringify({ results, forgotten }));
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
