/** Where set-up says what it does: whole sentences, one a line. Called again and again while something takes long. */
export type Progress = (sentence: string) => void;
