// SPDX-License-Identifier: Apache-2.0
//
// Judges one object by the schema that the Kubernetes project publishes for its kind.

// "networking.k8s.io/v1", "NetworkPolicy" -> IoK8sApiNetworkingV1NetworkPolicy
function schemaName(apiVersion, kind) {
  const [version, group = "core"] = apiVersion.split("/").reverse();
  const capital = (word) => word[0].toUpperCase() + word.slice(1);
  return `IoK8sApi${capital(group.split(".")[0])}${capital(version)}${kind}`;
}

async function validatorOf({ apiVersion, kind }) {
  try {
    return (await import(`kubernetes-models/_schemas/${schemaName(apiVersion, kind)}`)).validate;
  } catch {
    throw new Error(`Kubernetes has no ${kind} in ${apiVersion}`);
  }
}

// The schemas allow additional properties, as an API server without strict validation does. Their
// validators read every property that they know, so whatever is left unread is unknown.
function watched(value, path, unread) {
  if (value === null || typeof value !== "object") {
    return value;
  }
  const members = new Map(
    Object.entries(value).map(([key, member]) => [key, watched(member, `${path}/${key}`, unread)]),
  );
  members.forEach((_, key) => unread.add(`${path}/${key}`));
  return new Proxy(value, {
    get(target, key) {
      unread.delete(`${path}/${String(key)}`);
      return members.has(key) ? members.get(key) : target[key];
    },
  });
}

// What is wrong with it; empty when nothing is.
export async function schemaComplaints(object) {
  const unread = new Set();
  const validate = await validatorOf(object);
  if (!validate(watched(object, "", unread))) {
    return validate.errors.map((e) => `${e.instancePath || "/"}: ${e.keyword} ${JSON.stringify(e.params)}`);
  }
  const outermost = [...unread].filter((path) => !unread.has(path.replace(/\/[^/]*$/, "")));
  return outermost.map((path) => `${path}: unknown field`);
}
