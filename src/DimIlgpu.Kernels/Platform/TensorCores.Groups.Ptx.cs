using System.Globalization;
using ILGPU.Backends.PTX;
using ILGPU.IR;
using ILGPU.IR.Values;

namespace DimIlgpu.Kernels;

/// <summary>The PTX of each of them.</summary>
internal static unsafe partial class TensorCores
{
    // Of a descriptor: bytes between blocks, between eight rows of 128 bytes, and that chunks are displaced among eight such rows.
    private const int BetweenBlocks = BlockBytes / 16 << 16;
    private const int BetweenEights = (1024 / 16) | (1 << 30);

    private static void PrintBeginGroup(PTXBackend backend, PTXCodeGenerator generator, Value value) =>
        Print(generator, string.Create(CultureInfo.InvariantCulture, $".reg .f32 groupSum<{Constant(((MethodCall)value)[0])}>"));

    private static void PrintClearGroup(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        for (int i = 0; i < Constant(((MethodCall)value)[0]); i++)
        {
            Print(generator, string.Create(CultureInfo.InvariantCulture, $"mov.f32 groupSum{i}, 0f00000000"));
        }
    }

    private static void PrintSetGroup(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        MethodCall call = (MethodCall)value;
        int first = Constant(call[0]) * PartSums;
        string[] sums = Arguments(generator, call[1]);
        for (int i = 0; i < sums.Length; i++)
        {
            Print(generator, string.Create(CultureInfo.InvariantCulture, $"mov.f32 groupSum{first + i}, {sums[i]}"));
        }
    }

    private static void PrintPublishCopies(PTXBackend backend, PTXCodeGenerator generator, Value value) =>
        Print(generator, "fence.proxy.async.shared::cta");

    private static void PrintMultiplyGroup(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        MethodCall call = (MethodCall)value;
        string a = SharedAddress(generator, call[0]), b = SharedAddress(generator, call[1]), first = Arguments(generator, call[2])[0];
        int sixteens = Constant(call[3]), blocks = Constant(call[4]), columns = Constant(call[5]);
        int isAcrossA = Constant(call[6]), isAcrossB = Constant(call[7]);
        Print(generator, "{ .reg .pred add; .reg .b32 place; .reg .b64 a, b, left, right");
        Print(generator, "setp.eq.s32 add, 0, 0");
        Describe("a", a, isAcrossA);
        Describe("b", b, isAcrossB);
        Print(generator, "wgmma.fence.sync.aligned");
        for (int sixteen = 0; sixteen < sixteens; sixteen++)
        {
            Print(generator, string.Create(CultureInfo.InvariantCulture, $"add.s64 right, b, {sixteen * Step(isAcrossB)}"));
            for (int block = 0; block < blocks; block++)
            {
                Print(generator, string.Create(
                    CultureInfo.InvariantCulture, $"add.s64 left, a, {(sixteen * Step(isAcrossA)) + (block * BlockBytes / 16)}"));
                Print(generator, string.Create(
                    CultureInfo.InvariantCulture,
                    $"wgmma.mma_async.sync.aligned.m64n{columns}k16.f32.bf16.bf16 {Sums(block * SumsOfBlock(columns), columns / 2)}, left, right, add, 1, 1, {isAcrossA}, {isAcrossB}"));
            }
        }

        Print(generator, "wgmma.commit_group.sync.aligned");
        generator.Builder.AppendLine("\t}");

        // In 16 bytes, as descriptors count: 16 of the reduction are 32 bytes of each row, or 16 rows.
        static int Step(int isAcross) => isAcross != 0 ? 16 * 128 / 16 : 32 / 16;

        void Describe(string name, string address, int isAcross)
        {
            Print(generator, $"cvt.u32.u64 place, {address}");
            Print(generator, "shr.u32 place, place, 4");
            Print(generator, string.Create(CultureInfo.InvariantCulture, $"mad.lo.s32 place, {first}, {Step(isAcross)}, place"));
            Print(generator, string.Create(CultureInfo.InvariantCulture, $"or.b32 place, place, {BetweenBlocks}"));
            Print(generator, string.Create(CultureInfo.InvariantCulture, $"mov.b64 {name}, {{place, {BetweenEights}}}"));
        }
    }

    private static void PrintAwaitProducts(PTXBackend backend, PTXCodeGenerator generator, Value value) =>
        Print(generator, string.Create(
            CultureInfo.InvariantCulture, $"wgmma.wait_group.sync.aligned {Constant(((MethodCall)value)[0])}"));

    private static void PrintGroupSums(PTXBackend backend, PTXCodeGenerator generator, Value value)
    {
        int first = Constant(((MethodCall)value)[0]) * PartSums;
        string[] sums = Results(generator, value);
        for (int i = 0; i < sums.Length; i++)
        {
            Print(generator, string.Create(CultureInfo.InvariantCulture, $"mov.f32 {sums[i]}, groupSum{first + i}"));
        }
    }

    private static string Sums(int first, int count) =>
        Vector([.. Enumerable.Range(first, count).Select(i => string.Create(CultureInfo.InvariantCulture, $"groupSum{i}"))]);
}
