import { isFault } from "#domain/fault.ts";

import { command } from "../hosts/command.ts";
import { imageArgument, type ImageSource } from "./image.ts";

/** Whether two images hold the same bytes, whatever their formats and chains. Answers the first difference in qemu-img's words. */
export const compareImages = async (
  one: ImageSource,
  other: ImageSource,
  signal?: AbortSignal,
): Promise<{ readonly same: true } | { readonly same: false; readonly difference: string }> => {
  try {
    await command(["qemu-img", "compare", "-U", imageArgument(one), imageArgument(other)], { signal });
    return { same: true };
  } catch (error) {
    // qemu-img(1): 1 means different, more means an error
    if (!isFault(error) || error.details["exitCode"] !== 1) throw error;
    return { same: false, difference: String(error.details["stdout"]).trim() };
  }
};
