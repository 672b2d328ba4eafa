# Runs one attempt in a shell that shares no files with us ($berth_nonce is known). It follows the definition of
# berth_script. Its stdin is the terminal, which is the leash as well; its output goes back over the terminal in
# frames, escape sequences that no terminal shows: STREAM ; OFFSET ; HEX DIGITS. No file is made here.
berth_frames() {
  trap '' INT QUIT
  berth_offset=0
  while berth_hex=$(dd bs=6144 count=1 2>/dev/null | od -An -v -tx1 | tr -d ' \n'); [ -n "$berth_hex" ]; do
    # dd writes a frame at once: two streams end up on one terminal
    printf '\033]7373;%s;%s;%s;%s\007' "$berth_nonce" "$1" "$berth_offset" "$berth_hex" | dd obs=65536 2>/dev/null >&5
    berth_offset=$((berth_offset + ${#berth_hex} / 2))
  done
}
exec 5>&1
berth_mark begun
{
  { (berth_script) 2>&1 >&4 4>&- 5>&- | berth_frames e 4>&-; } 4>&1 | berth_frames o
}
exec 5>&-
