// Reads certificates of authorities from the file that an option names. Node itself accepts any
// text as such, without an error.
import { X509Certificate } from "node:crypto";
import { optionInvalid, readOptionFile } from "@shardcast/options";

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/**
 * Returns each certificate of a PEM file separately.
 * @param name of the option, for the error, such as `--tls-ca`
 * @throws SHARDCAST_OPTION_INVALID if the file cannot be read, or has no certificate, or an invalid
 * one
 */
export function readCertificates(name: string, file: string): string[] {
  let text: string;
  try {
    text = readOptionFile(file).toString("utf8");
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : "";
    throw optionInvalid(`${name} ${file} cannot be read: ${why}`);
  }
  const found = text.match(CERTIFICATE) ?? [];
  if (found.length === 0) throw optionInvalid(`${name} ${file} has no certificate in PEM`);
  for (const [index, certificate] of found.entries()) {
    if (!isCertificate(certificate)) {
      throw optionInvalid(`${name} ${file}: certificate ${index + 1} cannot be understood`);
    }
  }
  return found;
}

function isCertificate(pem: string): boolean {
  try {
    new X509Certificate(pem);
    return true;
  } catch {
    return false;
  }
}
