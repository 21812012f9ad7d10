import { Command } from "commander";
import { command, type Cli } from "../command.ts";
import { table } from "../text/table.ts";
import { exitCodes } from "#domain/exit-codes.ts";
import { Fault } from "#domain/fault.ts";

/** What makes certificates takes a while to load; the other commands do not wait for it. */
const verbs = () => import("#config/pki/folder.ts");

const defaultFolder = "understudy-pki";
const authorityDays = "3650";
const siteDays = "365";

interface PkiOptions {
  readonly dir: string;
  readonly days: string;
  readonly json?: boolean;
}

export const pki = (cli: Cli): Command =>
  new Command("pki")
    .description("Make and renew the certificates that the sites' workers know each other by.")
    .addCommand(init(cli))
    .addCommand(site(cli))
    .addCommand(rotate(cli))
    .addCommand(retire(cli))
    .addCommand(show(cli));

const pkiCommand = (name: string, summary: string, examples: readonly string[], days?: string): Command => {
  const made = command(name, summary, examples).option(
    "--dir <folder>",
    "where the certificates are kept",
    defaultFolder,
  );
  return days === undefined ? made : made.option("--days <days>", "how long the new certificate is valid", days);
};

const daysOf = (text: string): number => {
  if (/^\d{1,6}$/u.test(text)) return Number(text);
  throw new Fault("INVALID_INPUT", `--days must be a whole number of days; it is ${text}.`);
};

const answer = (cli: Cli, json: boolean | undefined, value: object, text: string): void => {
  cli.context.terminal.out(json === true ? `${JSON.stringify(value)}\n` : `${text}\n`);
  cli.exit(exitCodes.ok);
};

const init = (cli: Cli): Command =>
  pkiCommand(
    "init",
    "Make the certificate authority of this installation.",
    ["understudy pki init --dir /root/understudy-pki"],
    authorityDays,
  ).action(async ({ dir, days, json }: PkiOptions) => {
    await (await verbs()).initPki({ folder: dir, days: daysOf(days) });
    answer(
      cli,
      json,
      { folder: dir },
      `The authority is in ${dir}/authority. Whoever has its key.pem can pose as any site: keep the folder offline. Next: understudy pki site NAME --dir ${dir}`,
    );
  });

const site = (cli: Cli): Command =>
  pkiCommand("site", "Make a site's certificate and key.", ["understudy pki site paris"], siteDays)
    .argument("<name>", "the site's name in the configuration")
    .action(async (name: string, { dir, days, json }: PkiOptions) => {
      const folder = await (await verbs()).addSite({ folder: dir, site: name, days: daysOf(days) });
      answer(
        cli,
        json,
        { site: name, folder },
        `Made ${folder}. Copy this folder to the worker of ${name}, and nowhere else.`,
      );
    });

const rotate = (cli: Cli): Command =>
  pkiCommand("rotate", "Renew a site's key and certificate, or the authority; the old ones stay valid meanwhile.", [
    "understudy pki rotate paris",
    "understudy pki rotate --authority",
  ])
    .argument("[name]", "the site")
    .option("--authority", "renew the authority; sites trust the old and the new one until `pki retire`")
    .option(
      "--days <days>",
      `how long the new certificate is valid (default: ${siteDays}, an authority's ${authorityDays})`,
    )
    .action(
      async (
        name: string | undefined,
        {
          dir,
          days,
          json,
          authority = false,
        }: Omit<PkiOptions, "days"> & { readonly days?: string; readonly authority?: boolean },
      ) => {
        if (authority === (name !== undefined))
          throw new Fault("INVALID_INPUT", "Name the site to renew, or give --authority; one of them.");
        if (name === undefined) {
          await (await verbs()).rotateAuthority({ folder: dir, days: daysOf(days ?? authorityDays) });
          answer(
            cli,
            json,
            { folder: dir },
            "The new authority is trusted beside the old one. Now, in this order: copy each site's trust.pem to its worker; renew each site (understudy pki rotate NAME) and copy its folder; then understudy pki retire.",
          );
          return;
        }
        const folder = await (await verbs()).rotateSite({ folder: dir, site: name, days: daysOf(days ?? siteDays) });
        answer(
          cli,
          json,
          { site: name, folder },
          `Renewed ${folder}. Copy this folder over the one at the worker of ${name}, which takes it up by itself within seconds; the certificate before works until it expires.`,
        );
      },
    );

const retire = (cli: Cli): Command =>
  pkiCommand("retire", "Trust the present authority only, once every site is renewed.", [
    "understudy pki retire",
  ]).action(async ({ dir, json }: PkiOptions) => {
    await (await verbs()).retireAuthorities(dir);
    answer(
      cli,
      json,
      { folder: dir },
      "Only the present authority is trusted now. Copy each site's trust.pem to its worker, which takes it up by itself.",
    );
  });

const show = (cli: Cli): Command =>
  pkiCommand("show", "Show every certificate and when it expires.", ["understudy pki show"]).action(
    async ({ dir, json }: PkiOptions) => {
      const { showPki } = await import("#config/pki/show.ts");
      const found = await showPki(dir, cli.context.now());
      const rows = found.certificates.map((certificate) => [
        certificate.name,
        certificate.state,
        certificate.expires,
        String(certificate.daysLeft),
        certificate.issuer ?? "",
        certificate.fingerprint.slice(0, 23),
      ]);
      const remark =
        found.trustedAuthorities > 1
          ? `\n${String(found.trustedAuthorities)} authorities are trusted: renew the sites that the previous one signs for, then understudy pki retire.`
          : "";
      answer(
        cli,
        json,
        found,
        `${table(["NAME", "STATE", "EXPIRES", "DAYS", "ISSUER", "FINGERPRINT"], rows).trimEnd()}${remark}`,
      );
    },
  );
