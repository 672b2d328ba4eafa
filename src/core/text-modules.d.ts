declare module '*?raw' {
  const text: string;
  // the one default export that is not ours to name
  export default text;
}
