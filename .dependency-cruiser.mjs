/** Who may import whom: the rooms of docs/architecture.md as rules. */
const may = {
  lib: [],
  profiles: ["lib"],
  certificates: ["lib"],
  link: ["lib"],
  exit: ["link", "certificates", "lib"],
  policy: ["lib"],
  store: ["policy", "lib"],
  accounts: ["store", "policy", "lib"],
  billing: ["accounts", "store", "policy", "lib"],
  support: ["store", "policy", "lib"],
  mail: ["store", "policy", "lib"],
  analytics: ["lib"],
  // One number of the fair use rules, which the server list marks servers by.
  fleet: ["link", "store", "lib", "policy/fair-use.ts"],
  backup: ["store", "lib"],
  // The names of the services, and nothing else of the link.
  web: [
    "accounts",
    "billing",
    "support",
    "mail",
    "analytics",
    "fleet",
    "store",
    "profiles",
    "policy",
    "lib",
    "link/services.ts",
  ],
  office: [
    "web",
    "accounts",
    "billing",
    "support",
    "mail",
    "analytics",
    "fleet",
    "store",
    "profiles",
    "certificates",
    "link",
    "policy",
    "backup",
    "lib",
  ],
};

/** The npm packages of each room: what ships to an exit stays small, and the core stays free of them. */
const packages = {
  lib: [],
  policy: [],
  analytics: [],
  profiles: [],
  certificates: ["acme-client"],
  backup: ["age-encryption", "kysely", "zod"],
  link: ["zod", "@nats-io/transport-node", "@nats-io/jetstream"],
  exit: ["zod", "ssh2", "@noble/hashes"],
};

const reasons = {
  lib: "the ground floor knows nobody",
  exit: "an exit knows no account, payment or mail, and no page",
  policy: "rules are data and pure functions, so that pages and behaviour have them from one place",
  fleet: "servers have nothing to do with money or letters",
  accounts: "an account must not depend on how it was paid",
  profiles: "a client file is a pure function of what it is told",
};

const rooms = Object.entries(may).map(([room, others]) => ({
  name: `${room}-imports`,
  comment: reasons[room] ?? "the table in docs/architecture.md",
  severity: "error",
  from: { path: `^src/${room}/`, pathNot: "\\.test\\.ts$" },
  to: {
    path: "^src/",
    pathNot: [room, ...others].map((other) => `^src/${other}${other.endsWith(".ts") ? "$" : "/"}`),
  },
}));

const imports = Object.entries(packages).map(([room, names]) => ({
  name: `${room}-packages`,
  comment: "this room's npm packages are listed; a new one is a decision",
  severity: "error",
  from: { path: `^src/${room}/`, pathNot: "\\.test\\.ts$" },
  to: {
    dependencyTypes: ["npm", "npm-dev", "npm-optional", "npm-peer", "npm-no-pkg", "npm-unknown"],
    pathNot: names.map((name) => `^node_modules/${name}/`),
  },
}));

export default {
  forbidden: [
    ...rooms,
    ...imports,
    {
      name: "no-circles",
      comment: "two files that need each other are one thing, or want a third",
      severity: "error",
      from: {},
      to: { circular: true },
    },
    {
      name: "simulators-apart",
      comment: "a simulator that shares our code shares our misreading of what it stands in for",
      severity: "error",
      from: { path: "^test/simulators/" },
      to: { path: "^src/" },
    },
    {
      name: "resolvable",
      severity: "error",
      from: {},
      to: { couldNotResolve: true, pathNot: "^node:" },
    },
    {
      name: "tests-only",
      comment: "what ships does not import what tests",
      severity: "error",
      from: { path: "^src/", pathNot: "\\.test\\.ts$|/test(?:ing|kit)\\.ts$" },
      to: { path: "\\.test\\.ts$|^test/|^bench/" },
    },
  ],
  options: {
    tsConfig: { fileName: "tsconfig.json" },
    tsPreCompilationDeps: true,
    doNotFollow: { path: "node_modules" },
    moduleSystems: ["es6"],
    enhancedResolveOptions: {
      extensions: [".ts", ".mjs", ".js"],
      exportsFields: ["exports"],
      conditionNames: ["import", "default", "types"],
    },
  },
};
