using System.Globalization;
using System.Reflection;
using ILGPU.Backends;
using ILGPU.Backends.PTX;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;
using ILGPU.IR.Types;
using ILGPU.IR.Values;
using PtxRegisters = ILGPU.Backends.RegisterAllocator<ILGPU.Backends.PTX.PTXRegisterKind>;

namespace DimIlgpu.Kernels;

/// <summary>The PTX of each of them.</summary>
internal static unsafe partial class TensorCores
{
    private const BindingFlags Own = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    /// <summary>Tells ILGPU which method prints the instructions of which.</summary>
    public static void Register(IntrinsicImplementationManager manager)
    {
        foreach (MethodInfo method in typeof(TensorCores).GetMethods(Own).Where(m => m.IsDefined(typeof(IntrinsicImplementationAttribute))))
        {
            manager.RegisterMethod(
                method, new PTXIntrinsic(typeof(TensorCores), "Print" + method.Name, IntrinsicImplementationMode.GenerateCode));
        }
    }

    private static void PrintCopy(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        MethodCall call = (MethodCall)value;
        string shared = SharedAddress(generator, call[0]), source = GlobalAddress(generator, call[2]);
        string from = Arguments(generator, call[3])[0], stride = Arguments(generator, call[4])[0], mask = Arguments(generator, call[5])[0];
        int gap = 16 * Constant(call[1]), first = Constant(call[6]), count = Constant(call[7]);
        Print(generator, "{ .reg .pred read; .reg .b32 bytes; .reg .b64 origin, chunk");
        Print(generator, $"add.s64 origin, {source}, {from}");
        for (int i = first; i < first + count; i++)
        {
            Print(generator, string.Create(CultureInfo.InvariantCulture, $"and.b32 bytes, {mask}, {1 << i}"));
            Print(generator, "setp.ne.u32 read, bytes, 0");
            Print(generator, "selp.b32 bytes, 16, 0, read");
            Print(generator, string.Create(CultureInfo.InvariantCulture, $"mad.wide.s32 chunk, {stride}, {i}, origin"));
            Print(generator, string.Create(
                CultureInfo.InvariantCulture, $"cp.async.cg.shared.global.L2::128B [{shared}+{i * gap}], [chunk], 16, bytes"));
        }

        generator.Builder.AppendLine("\t}");
    }

    private static void PrintCopyPair(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        MethodCall call = (MethodCall)value;
        string shared = SharedAddress(generator, call[0]), source = GlobalAddress(generator, call[1]);
        string from = Arguments(generator, call[2])[0], count = Arguments(generator, call[3])[0];
        Print(generator, "{ .reg .b64 chunk");
        Print(generator, $"add.s64 chunk, {source}, {from}");
        Print(generator, $"cp.async.ca.shared.global.L2::128B [{shared}], [chunk], 8, {count}");
        generator.Builder.AppendLine("\t}");
    }

    private static void PrintCommitCopies(PTXBackend backend, PTXCodeGenerator generator, Value value) =>
        Print(generator, "cp.async.commit_group");

    private static void PrintAwaitCopies(PTXBackend backend, PTXCodeGenerator generator, Value value) =>
        Print(generator, string.Create(
            CultureInfo.InvariantCulture, $"cp.async.wait_group {Constant(((MethodCall)value)[0])}"));

    private static void PrintLoad(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        const int sixteenRows = 16 * 128;
        string address = SharedAddress(generator, ((MethodCall)value)[0]);
        string[] tile = Results(generator, value);
        for (int i = 0; i < 4; i++)
        {
            Print(generator, string.Create(
                CultureInfo.InvariantCulture,
                $"ldmatrix.sync.aligned.m8n8.x4.shared.b16 {Vector(tile.AsSpan(4 * i, 4))}, [{address}+{i * sixteenRows}]"));
        }
    }

    private static void PrintLoadTransposed(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        MethodCall call = (MethodCall)value;
        string[] places = [.. Enumerable.Range(0, 4).Select(i => SharedAddress(generator, call[i]))];
        string[] tile = Results(generator, value);
        int skip = 16 * Constant(call[4]);
        for (int i = 0; i < 4; i++)
        {
            Print(generator, string.Create(
                CultureInfo.InvariantCulture,
                $"ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {Vector(tile.AsSpan(4 * i, 4))}, [{places[i]}+{skip}]"));
        }
    }

    private static void PrintTranspose(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        string[] words = Arguments(generator, ((MethodCall)value)[0]), result = Results(generator, value);
        Print(generator, "{ .reg .pred odd, upper; .reg .b32 lane, sent, got, a<4>");
        Print(generator, "mov.u32 lane, %laneid");
        Print(generator, "and.b32 sent, lane, 1");
        Print(generator, "setp.ne.u32 odd, sent, 0");
        Print(generator, "and.b32 sent, lane, 2");
        Print(generator, "setp.ne.u32 upper, sent, 0");
        Exchange("odd", 1, words[0], words[1], "a0", "a1");
        Exchange("odd", 1, words[2], words[3], "a2", "a3");
        Exchange("upper", 2, "a0", "a2", result[0], result[2]);
        Exchange("upper", 2, "a1", "a3", result[1], result[3]);
        generator.Builder.AppendLine("\t}");

        // Two lanes exchange what the one has in its second and the other in its first word.
        void Exchange(string isSecond, int distance, string x, string y, string toX, string toY)
        {
            Print(generator, $"selp.b32 sent, {x}, {y}, {isSecond}");
            Print(generator, string.Create(CultureInfo.InvariantCulture, $"shfl.sync.bfly.b32 got, sent, {distance}, 31, -1"));
            Print(generator, $"selp.b32 {toX}, got, {x}, {isSecond}");
            Print(generator, $"selp.b32 {toY}, {y}, got, {isSecond}");
        }
    }

    private static void PrintMultiplyBFloat16(PTXBackend backend, PTXCodeGenerator generator, Value value) =>
        PrintMultiply(generator, value, "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32");

    private static void PrintMultiplyTensorFloat32(PTXBackend backend, PTXCodeGenerator generator, Value value) =>
        PrintMultiply(generator, value, "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32");

    private static void PrintMultiply(PTXCodeGenerator generator, Value value, string instruction)
    {
        MethodCall call = (MethodCall)value;
        string[] c = Arguments(generator, call[0]), a = Arguments(generator, call[1]), b = Arguments(generator, call[2]);
        string[] sum = Results(generator, value);
        for (int i = 0; i < 32; i++)
        {
            Print(
                generator,
                $"{instruction} {Vector(sum.AsSpan(4 * i, 4))}, {Vector(a.AsSpan(i / 8 * 4, 4))}, {Vector(b.AsSpan(i % 8 * 2, 2))}, {Vector(c.AsSpan(4 * i, 4))}");
        }
    }

    private static void PrintRoundBFloat16(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        MethodCall call = (MethodCall)value;
        string low = Arguments(generator, call[0])[0], high = Arguments(generator, call[1])[0];
        Print(generator, $"cvt.rn.bf16x2.f32 {Results(generator, value)[0]}, {high}, {low}");
    }

    private static void PrintRoundTensorFloat32(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        string x = Arguments(generator, ((MethodCall)value)[0])[0];
        Print(generator, $"cvt.rna.tf32.f32 {Results(generator, value)[0]}, {x}");
    }

    private static int Constant(Value value) => value.ResolveAs<PrimitiveValue>()!.Int32Value;

    private static void Print(PTXCodeGenerator generator, string instruction) =>
        generator.Builder.Append('\t').Append(instruction).AppendLine(";");

    private static string Vector(ReadOnlySpan<string> registers) => $"{{{string.Join(", ", registers!)}}}";

    private static string SharedAddress(PTXCodeGenerator generator, Value pointer) =>
        Address(generator, pointer, MemoryAddressSpace.Shared, "shared");

    private static string GlobalAddress(PTXCodeGenerator generator, Value pointer) =>
        Address(generator, pointer, MemoryAddressSpace.Global, "global");

    /// <summary>A pointer as an address of one kind of memory; ILGPU leaves some pointers generic.</summary>
    private static string Address(PTXCodeGenerator generator, Value pointer, MemoryAddressSpace space, string name)
    {
        string address = Arguments(generator, pointer)[0];
        if (((AddressSpaceType)pointer.Type).AddressSpace == space)
        {
            return address;
        }

        string specific = Name(generator.AllocatePlatformRegister(out _));
        Print(generator, $"cvta.to.{name}.u64 {specific}, {address}");
        return specific;
    }

    private static string[] Arguments(PTXCodeGenerator generator, Value value) => [.. Flat(generator, generator.Load(value)).Select(Name)];

    private static string[] Results(PTXCodeGenerator generator, Value value) => [.. Flat(generator, generator.Allocate(value)).Select(Name)];

    private static IEnumerable<PtxRegisters.HardwareRegister> Flat(PTXCodeGenerator generator, PtxRegisters.Register register) =>
        register is PtxRegisters.CompoundRegister compound
            ? compound.Children.SelectMany(child => Flat(generator, child))
            : [generator.EnsureHardwareRegister((PtxRegisters.PrimitiveRegister)register)];

    private static string Name(PtxRegisters.HardwareRegister register) => "%" + PTXRegisterAllocator.GetStringRepresentation(register);
}
