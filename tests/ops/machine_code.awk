# Reads PTX, or what `cuobjdump -sass` prints, through c++filt, and says which kernels break the
# rules of machine_code.sh; then how many it read. Exits 1 if one did or none has four lanes.

BEGIN { arch = "PTX" }

function complain(what) {
  print arch ": " what ": " kernel
  broken = 1
}

# The four lanes of one access: of f32 16 bytes, of 16-bit floats 8.
function check_width(width) {
  ++of_four_lanes
  if (reads !~ ("\\." width "( |$)")) complain("no global read of " width " bits")
  if (writes !~ ("\\." width "( |$)")) complain("no global write of " width " bits")
  if ((reads writes) ~ /\.[US](8|16)( |$)/) complain("global accesses of 8 or 16 bits")
}

function check() {
  if (kernel == "") return
  scan = kernel ~ /^void neurons::device::(forward|backward)</
  fused = kernel ~ /^void fused::device::(forward|backward)</
  if (!scan && !fused) return
  ++kernels
  if (local) complain("local memory")
  # Gradients of learnables and fused layers' gradients of gamma and beta are summed in f64.
  if (scan && f64 && kernel !~ /double|Leaky,|ParametricLif/) complain("f64 arithmetic")
  if (kernel ~ /float16, (float, )?4[,>]/) check_width(64)
  else if (kernel ~ /float, 4[,>]/) check_width(128)
}

/arch = sm_/ { check(); kernel = ""; arch = $3 }
/Function : |\.entry / {
  check()
  kernel = $0
  sub(/^.*(Function : |\.entry )/, "", kernel)
  gsub(/ranvier::/, "", kernel)
  sub(/>\(.*/, ">", kernel)
  reads = writes = ""
  local = f64 = 0
}
$1 ~ /^\/\*[0-9a-f]+\*\/$/ {
  instruction = $2 ~ /^@/ ? $3 : $2
  sub(/;$/, "", instruction)
  if (instruction ~ /^(LDG|LDGSTS)\./) reads = reads " " instruction
  else if (instruction ~ /^STG\./) writes = writes " " instruction
  else if (instruction ~ /^(LDL|STL)/) local = 1
  else if (instruction ~ /^D(ADD|MUL|FMA)/) f64 = 1
}
# PTX: accesses are written down as those of machine code are.
function width() {
  if ($1 ~ /\.v4\..32$/ || $NF == "16;") return ".128"
  if ($1 ~ /\.v2\..32$/ || $NF == "8;") return ".64"
  return $1 ~ /\.[usb](8|16)$/ ? ".U16" : ""
}
$1 ~ /^(ld\.global|cp\.async\.c[ag])\./ { reads = reads " " width() }
$1 ~ /^st\.global\./ { writes = writes " " width() }
$1 ~ /^(ld|st)\.local\./ { local = 1 }
$1 ~ /^(add|mul|fma)(\.rn)?\.f64$/ { f64 = 1 }
END {
  check()
  print kernels + 0 " kernels, " of_four_lanes + 0 " of four lanes"
  exit broken || of_four_lanes == 0
}
