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
        Print(generator, $"cp.async.cg.shared.global.L2::128B [{SharedAddress(generator, call[0])}], [{GlobalAddress(generator, call[1])}], 16");
    }

    private static void PrintCommitCopies(PTXBackend backend, PTXCodeGenerator generator, Value value) =>
        Print(generator, "cp.async.commit_group");

    private static void PrintAwaitCopies(PTXBackend backend, PTXCodeGenerator generator, Value value) =>
        Print(generator, string.Create(
            CultureInfo.InvariantCulture, $"cp.async.wait_group {((MethodCall)value)[0].ResolveAs<PrimitiveValue>()!.Int32Value}"));

    private static void PrintLoad(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        const int sixteenRows = 16 * 64;
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
        string address = SharedAddress(generator, ((MethodCall)value)[0]);
        Print(generator, $"ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {Vector(Results(generator, value))}, [{address}]");
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
