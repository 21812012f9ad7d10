import { execa } from "execa";
import { chmod, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Fault } from "#domain/fault.ts";
import { cacheFolder } from "./cache-folder.ts";
import { findProgram, isExecutable } from "./find-program.ts";
import { ensurePackages, type PackageOptions } from "./packages.ts";

const version = "1.38.0";
const folder = (): string => cacheFolder(`temporal-test-server-${version}`);

/** Where `ensureTimeSkippingServer` keeps the program it made. */
export const timeSkippingProgram = (): string => join(folder(), "temporal-test-server");

/**
 * Answers the path of Temporal's time-skipping test server: a program that runs the Java build from Maven Central, fetched once per user (40 jars, about
 * 30 s). The SDK would download a native build from the Internet instead. Installs a Java runtime and Maven from Debian when they are missing.
 */
export const ensureTimeSkippingServer = async (options: PackageOptions): Promise<string> => {
  const java = findProgram("java");
  if (java === undefined) await ensurePackages(["default-jre-headless"], options);
  if (isExecutable(timeSkippingProgram())) return timeSkippingProgram();
  if (findProgram("mvn") === undefined) await ensurePackages(["maven"], options);
  await fetchJars(options);
  return timeSkippingProgram();
};

const fetchJars = async (options: PackageOptions): Promise<void> => {
  await mkdir(cacheFolder(), { recursive: true });
  const scratch = await mkdtemp(cacheFolder(".test-server-"));
  try {
    options.progress(`Fetching Temporal's time-skipping test server ${version} from Maven Central (once per user) …`);
    await writeFile(join(scratch, "pom.xml"), pom);
    const result = await execa(
      "mvn",
      ["-B", "-q", "-f", join(scratch, "pom.xml"), "dependency:copy-dependencies", "-DoutputDirectory=jars"],
      {
        all: true,
        stdin: "ignore",
        reject: false,
        ...(options.signal ? { cancelSignal: options.signal } : {}),
      },
    );
    if (result.exitCode !== 0) {
      throw new Fault(
        "PREREQUISITES_FAILED",
        `Maven could not fetch Temporal's test server: ${result.all.trim().split("\n").slice(0, 4).join(" ")}. Check the way to repo.maven.apache.org, then run this again.`,
      );
    }
    const program = join(scratch, "temporal-test-server");
    await writeFile(program, script);
    await chmod(program, 0o755);
    await rm(folder(), { recursive: true, force: true });
    await rename(scratch, folder());
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
};

const pom = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>understudy</groupId><artifactId>test-server</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>io.temporal</groupId><artifactId>temporal-test-server</artifactId><version>${version}</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.16</version></dependency>
  </dependencies>
</project>
`;

/** One compiler tier is enough for a short-lived server and starts it a second sooner. */
const script = `#!/bin/sh
exec java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp "$(dirname "$0")/jars/*" io.temporal.testserver.TestServer "$@"
`;
