using System.Reflection;
using ILGPU.Algorithms;
using ILGPU.Backends.OpenCL;
using ILGPU.Backends.PTX;
using ILGPU.IR;
using ILGPU.IR.Intrinsics;
using ILGPU.IR.Values;

namespace DimIlgpu.Kernels;

/// <summary>Functions that GPUs have as one instruction.</summary>
internal static class SpecialFunctions
{
    /// <summary>log₂ e.</summary>
    public const float LogTwoE = 1.44269504f;

    private const float LnTwo = 0.693147181f;

    /// <summary>2^x; 0 where CUDA's would be subnormal.</summary>
    /// <remarks>
    /// ILGPU's own asks CUDA to keep subnormal arguments and results, for which ptxas adds a comparison and two scalings to
    /// each. A decay below 2^−126 is nothing, and an argument below it gives 1 either way.
    /// </remarks>
    [IntrinsicImplementation]
    public static float Exp2(float x) => MathF.Pow(2f, x);

    /// <summary>1 / x within one unit in the last place on CUDA; 0 where it would be subnormal.</summary>
    /// <remarks>ILGPU's division is CUDA's rounded one: a dozen instructions and a branch.</remarks>
    [IntrinsicImplementation]
    public static float Reciprocal(float x) => 1f / x;

    /// <summary>1 / √x of a normal number, within two units in the last place on CUDA.</summary>
    /// <remarks>ILGPU's own are a rounded root and a rounded quotient: two dozen instructions and two branches.</remarks>
    [IntrinsicImplementation]
    public static float ReciprocalRoot(float x) => 1f / MathF.Sqrt(x);

    /// <summary>log₂ x of a normal number.</summary>
    /// <remarks>ILGPU's own asks CUDA to read subnormal arguments, for which ptxas adds a comparison, a scaling and a sum.</remarks>
    [IntrinsicImplementation]
    public static float Log2(float x) => MathF.Log2(x);

    /// <summary>σ(x) = 1 / (1 + 2^(−x·log₂e)): two special functions.</summary>
    public static float Sigmoid(float x) => Reciprocal(1f + Exp2(x * -LogTwoE));

    /// <summary>ln(1 + e^x) = max(x, 0) + ln(1 + e^−|x|): one special function, and the polynomial of <see cref="CpuLaneMath"/>.</summary>
    public static float Softplus(float x)
    {
        float z = Exp2(MathF.Abs(x) * -LogTwoE);
        float p = (-3.67563916e-3f * z) + 2.18680017e-2f;
        p = (p * z) - 6.09091185e-2f;
        p = (p * z) + 1.10240452e-1f;
        p = (p * z) - 1.55689999e-1f;
        p = (p * z) + 1.97741762e-1f;
        p = (p * z) - 2.49750778e-1f;
        p = (p * z) + 3.33322495e-1f;
        p = (p * z) - 0.5f;
        return XMath.Max(x, 0f) + ((p * (z * z)) + z);
    }

    /// <summary>The same within 2^−14 of the result, which is 1/32 of what rounding it to bfloat16 may add: half as many terms.</summary>
    public static float NarrowSoftplus(float x)
    {
        float z = Exp2(MathF.Abs(x) * -LogTwoE);
        float p = (4.13473017e-2f * z) - 1.57427206e-1f;
        p = (p * z) + 3.06300929e-1f;
        p = (p * z) - 4.96977805e-1f;
        p = (p * z) + 9.99943278e-1f;
        return (p * z) + XMath.Max(x, 0f);
    }

    /// <summary>Tells ILGPU what to print for each back end.</summary>
    public static void Register(IntrinsicImplementationManager manager)
    {
        Register(manager, nameof(Exp2), nameof(PtxExp2), nameof(OpenClExp2));
        Register(manager, nameof(Reciprocal), nameof(PtxReciprocal), nameof(OpenClReciprocal));
        Register(manager, nameof(ReciprocalRoot), nameof(PtxReciprocalRoot), nameof(OpenClReciprocalRoot));
        Register(manager, nameof(Log2), nameof(PtxLog2), nameof(OpenClLog2));
    }

    private static void Register(IntrinsicImplementationManager manager, string name, string ptx, string openCl)
    {
        MethodInfo method = typeof(SpecialFunctions).GetMethod(name, BindingFlags.Public | BindingFlags.Static)!;
        manager.RegisterMethod(method, new PTXIntrinsic(typeof(SpecialFunctions), ptx, IntrinsicImplementationMode.GenerateCode));
        manager.RegisterMethod(method, new CLIntrinsic(typeof(SpecialFunctions), openCl, IntrinsicImplementationMode.GenerateCode));
    }

    private static void PtxExp2(PTXBackend backend, PTXCodeGenerator generator, Value value) =>
        PrintPtx(generator, value, "ex2.approx.ftz.f32");

    private static void PtxReciprocal(PTXBackend backend, PTXCodeGenerator generator, Value value) =>
        PrintPtx(generator, value, "rcp.approx.ftz.f32");

    private static void PtxReciprocalRoot(PTXBackend backend, PTXCodeGenerator generator, Value value) =>
        PrintPtx(generator, value, "rsqrt.approx.ftz.f32");

    private static void PtxLog2(PTXBackend backend, PTXCodeGenerator generator, Value value) =>
        PrintPtx(generator, value, "lg2.approx.ftz.f32");

    private static void OpenClExp2(CLBackend backend, CLCodeGenerator generator, Value value) =>
        PrintOpenCl(generator, value, "exp2");

    private static void OpenClReciprocal(CLBackend backend, CLCodeGenerator generator, Value value) =>
        PrintOpenCl(generator, value, "native_recip");

    private static void OpenClReciprocalRoot(CLBackend backend, CLCodeGenerator generator, Value value) =>
        PrintOpenCl(generator, value, "rsqrt");

    private static void OpenClLog2(CLBackend backend, CLCodeGenerator generator, Value value) =>
        PrintOpenCl(generator, value, "log2");

    private static void PrintPtx(PTXCodeGenerator generator, Value value, string instruction)
    {
        var argument = generator.LoadPrimitive(((MethodCall)value)[0]);
        var result = generator.AllocateHardware(value);
        using var command = generator.BeginCommand(instruction);
        command.AppendArgument(result);
        command.AppendArgument(argument);
    }

    private static void PrintOpenCl(CLCodeGenerator generator, Value value, string function)
    {
        var result = generator.Allocate(value);
        using var statement = generator.BeginStatement(result);
        statement.AppendCommand(function);
        statement.BeginArguments();
        statement.AppendArgument(generator.Load(((MethodCall)value)[0]));
        statement.EndArguments();
    }
}
